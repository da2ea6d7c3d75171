"""Token accounts and their ledger are written by `services/account_commit.py`, with what the rules computed, and by its short
cut: nowhere else."""

import ast
from pathlib import Path

import pytest

APP = Path(__file__).parents[2] / "app"
HOMES = (APP / "services" / "account_commit.py", APP / "services" / "account_short_cut.py")
# Takes items off the `due` list of whichever document carries one, accounts included.
DUE = APP / "services" / "due.py"
# Brings whole accounts of made-up people, with their ledgers, as the rules made them.
CROWD = APP / "services" / "demo_crowd.py"
SOURCES = sorted(path for path in APP.rglob("*.py") if path not in (*HOMES, DUE, CROWD))

# What stands for the two collections, wherever it is imported from.
MARKS = ("TokenAccount", "LedgerEntry", "token_accounts", "ledger_entries", "accounts()", "account_commit.entries()")
WRITES = {
    *("insert", "insert_one", "insert_many", "replace_one", "bulk_write", "drop", "rename", "save", "modify"),
    *("update", "update_one", "update_many", "upsert_one", "delete", "delete_one", "delete_many"),
    *("command", "find_one_and_update", "find_one_and_replace", "find_one_and_delete"),
}


def writes_in(tree: ast.AST) -> list[ast.Call]:
    """The calls that write accounts or entries, as far as can be read from a module."""
    named = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and is_marked(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return [
        call for call in calls_of_writes(tree) if is_marked(call.func.value) or begins_with(call.func.value) in named
    ]


def calls_of_writes(tree: ast.AST) -> list[ast.Call]:
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr in WRITES]


def is_marked(node: ast.expr) -> bool:
    return any(mark in ast.unparse(node) for mark in MARKS)


def begins_with(node: ast.expr) -> str | None:
    """The name that a chain of calls and attributes begins with."""
    while isinstance(node, ast.Call | ast.Attribute | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(APP)))
def test_nothing_else_writes_accounts_or_entries(path):
    assert [ast.unparse(call) for call in writes_in(ast.parse(path.read_text()))] == []


def test_what_takes_due_items_off_a_document_touches_nothing_else():
    calls = calls_of_writes(ast.parse(DUE.read_text()))
    assert {call.func.attr for call in calls} == {"update_one"}
    for call in calls:
        # A pipeline is a list of stages, each of which is as a plain update.
        stages = call.args[1].elts if isinstance(call.args[1], ast.List) else [call.args[1]]
        touched = {ast.literal_eval(name) for stage in stages for change in stage.values for name in change.keys}
        assert {name.partition(".")[0] for name in touched} == {"due"}


def test_what_makes_a_demo_crowd_only_adds():
    calls = calls_of_writes(ast.parse(CROWD.read_text()))
    assert {call.func.attr for call in calls if begins_with(call.func) != "DemoCrowd"} == {"insert_many"}


@pytest.mark.parametrize(
    "source",
    [
        "TokenAccount(id=1).save()",
        "TokenAccount.objects(id=1).update_one(set__used=0)",
        "TokenAccount._get_collection().update_one({}, {})",
        "get_db().token_accounts.delete_many({})",
        "get_db()['ledger_entries'].insert_one({})",
        "account_commit.accounts().update_one({}, {})",
        "TokenAccount._get_collection().database.command({'update': 'token_accounts'})",
        "found = TokenAccount.objects.get(id=1)\nfound.save()",
        "collection = account_commit.entries()\ncollection.with_options().insert_many([])",
        "ledger = LedgerEntry._get_collection()\nledger.find_one_and_delete({})",
    ],
)
def test_the_guard_sees_every_way_of_writing(source):
    assert writes_in(ast.parse(source))
