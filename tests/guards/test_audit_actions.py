"""Each action that an audit event can name is one that something does."""

import ast
from pathlib import Path

from app.models.audit_event import Action
from app.services import review

APP = Path(__file__).parents[2] / "app"
HOME = APP / "models" / "audit_event.py"


def used() -> set[str]:
    """The actions that the code names: as a member, as text, or as a step of a review."""
    found = {f"request.{word}" for word in review.ACTIONS.values()}
    for path in APP.rglob("*.py"):
        if path == HOME:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "Action":
                found.add(Action[node.attr].value)
            if isinstance(node, ast.Constant) and node.value in set(Action):
                found.add(node.value)
    return found


def test_each_action_is_used():
    assert set(Action) - used() == set()


def test_each_step_of_a_review_is_an_action():
    assert {f"request.{word}" for word in review.ACTIONS.values()} <= set(Action)
