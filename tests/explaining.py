"""Explanations of all figures of an account, each checked to add up."""

from datetime import UTC, datetime

from bson import ObjectId

from app.services import token_accounts
from app.services.explanation import Explanation, Figure, explain
from tests.factories import OPERATOR

MONDAY = datetime(2026, 11, 2, 9, tzinfo=UTC)


def spend(user, tokens):
    """An answer that cost the user so much."""
    return token_accounts.spend(user.id, tokens, by=OPERATOR, description="An answer")


def check(shown: Explanation) -> None:
    """What explains a figure adds up to it."""
    if shown.terms:
        assert sum(term.amount for term in shown.terms) == shown.value
    if shown.figure is Figure.HELD:
        assert sum(hold.amount for hold, _ in shown.holds) == shown.value
        assert all(entry["_id"] == hold.id for hold, entry in shown.holds)
    if shown.figure is Figure.GRANTS:
        assert sum(grant.left for grant in shown.grants) == shown.value
        assert sum(grant.amount for grant in shown.grants) == shown.terms[0].amount
    if shown.table:
        check_table(shown)


def check_table(shown: Explanation) -> None:
    """Its rows lead from where they start to the total."""
    table = shown.table
    is_allowance = shown.figure in (Figure.ALLOWANCE, Figure.LIMIT, Figure.USED)
    assert table.total == (shown.account.allowance_left if is_allowance else shown.value)
    running = table.older.amount if table.older else table.start
    assert running + sum(row.amount for row in table.rows) == table.total
    for row in reversed(table.rows):
        running += row.amount
        assert row.after == running


def explain_all(user_id: ObjectId) -> dict[Figure, Explanation]:
    """Every figure, each checked, and each grant."""
    shown = {figure: explain(user_id, figure) for figure in Figure}
    for one in shown.values():
        check(one)
    for grant in shown[Figure.GRANTS].grants:
        check(explain(user_id, Figure.GRANTS, grant=grant.id))
    return shown


def said(shown: Explanation) -> list[tuple[str, int]]:
    """The terms of its formula."""
    return [(term.name, term.amount) for term in shown.terms]


def rows(shown: Explanation) -> list[tuple[str, int, int]]:
    """The rows of its table: type, amount and what was there after it."""
    return [(row.entry["type"], row.amount, row.after) for row in shown.table.rows]
