"""A user's document is told when the account crosses the line under which nothing can be asked any more."""

from dataclasses import replace

from app.models import account_rules
from app.models.account import Operation
from tests.models.account_rules.examples import AT, BY, PREPAID, START, WEEK, account, grant, hold, policy, table

OUT = 200
RULES = replace(policy(), out_of_tokens=OUT)


def apply(before, verb, at=AT, **arguments):
    account_rules.recompute(before, RULES)
    return account_rules.apply(before, Operation(verb, arguments, BY, at), RULES)


def notes(before, verb, at=AT, **arguments):
    _after, _entries, due = apply(before, verb, at, **arguments)
    return [item["arguments"]["user"] == before.id for item in due if item["verb"] == "users.note_tokens"]


CROSSINGS = [
    ("Exactly the line is not out.", 300, "spend", {"tokens": 100}, 0),
    ("One under it is.", 300, "spend", {"tokens": 101}, 1),
    ("Out before and after.", 150, "spend", {"tokens": 50}, 0),
    ("A hold takes from what is available.", 300, "hold", {"tokens": 101, "ttl": 60}, 1),
    ("A bonus brings it back.", 150, "add_bonus", {"tokens": 50}, 1),
    ("A bonus that does not reach.", 150, "add_bonus", {"tokens": 49}, 0),
]


@table("balance verb arguments noted", CROSSINGS)
def test_an_operation_that_crosses_the_line_leaves_a_note(balance, verb, arguments, noted):
    assert notes(account(PREPAID, grants=[grant(balance)]), verb, **arguments) == [True] * noted


TIME = [
    ("Renewed, and still in it.", 1, 1),
    ("Renewed, and spent at once: a list may have noted the renewal.", 100_000, 1),
]


@table("tokens noted", TIME)
def test_what_time_brought_is_told_with_the_next_operation(tokens, noted):
    assert notes(account(used=100_000), "spend", at=START + WEEK, tokens=tokens) == [True] * noted


def test_what_time_took_is_told_with_the_next_operation():
    before = account(PREPAID, grants=[grant(150), grant(500, START + WEEK)])
    assert notes(before, "spend", at=START + WEEK, tokens=1) == [True]
    before = account(PREPAID, grants=[grant(500)], holds=[hold(400, START + WEEK)])
    assert notes(before, "spend", at=START + WEEK, tokens=1) == [True]


def test_the_short_cut_ends_at_the_line():
    rows = [
        (account(used=99_500), 300),
        (account(used=99_799), 1),
        (account(used=99_800), 0),
        (account(used=99_900), 100),
    ]
    for before, plain in rows:
        account_rules.recompute(before, replace(RULES, low_balance=0))
        # The last token of the allowance is told to the user.
        assert before.plain_left == min(plain, 100_000 - before.used - 1)
