"""What changes leave to be done is known by name, and every document that carries such items is looked after."""

import ast
from pathlib import Path

from app import db
from app.services import due

APP = Path(__file__).parents[2] / "app"


def _calls_of_due_item():
    for path in sorted(APP.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "due_item":
                yield f"{path.name}:{node.lineno}", node


def test_every_item_names_its_verb_in_place():
    assert [where for where, call in _calls_of_due_item() if not isinstance(call.args[1], ast.Constant)] == []


def test_every_verb_that_is_used_exists_and_every_verb_is_used():
    used = {call.args[1].value for _, call in _calls_of_due_item()}
    assert used == set(due.VERBS)


def test_every_document_that_can_carry_items_is_looked_after():
    assert {document for document in db.DOCUMENTS if "due" in document._fields} == set(due.CARRIERS)


def test_nobody_but_due_takes_items_away():
    """An item leaves its document only when its verb is done."""
    pulls = [path.name for path in APP.rglob("*.py") if '"$pull": {"due"' in path.read_text()]
    assert pulls == ["due.py"]
