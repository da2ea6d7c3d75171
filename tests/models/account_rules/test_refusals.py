"""What holds for every operation: a refusal changes nothing, what goes in stays as it is, and the sums are right."""

from copy import deepcopy
from datetime import timedelta

import pytest
from bson import ObjectId

from app.models.account import Operation
from app.models.domain_error import DomainError
from tests.models.account_rules.examples import (
    AT,
    BY,
    PRO,
    START,
    WEEK,
    account,
    done,
    entry_of,
    grant,
    hold,
    table,
)

BUSY = {
    "used": 99_500,
    "grants": [grant(300, AT + WEEK), grant(200, START + timedelta(hours=1)), grant(100)],
    "holds": [hold(50), hold(60, START + timedelta(hours=2))],
}
GIVEN = entry_of("bonus", **{"allowance": 200, str(BUSY["grants"][0].id): 100})
HELD = {"hold": BUSY["holds"][0].id}

DONE = [
    ("Spend.", "spend", {"tokens": 600}, -600, "usage"),
    ("Hold.", "hold", {"tokens": 10, "ttl": 60}, 0, "hold"),
    ("Settle.", "settle", {"tokens": 45, **HELD}, -45, "usage"),
    ("Release.", "release", HELD, 0, "release"),
    ("Reset.", "reset", {}, 99_500, "reset"),
    ("Bonus.", "add_bonus", {"tokens": 99_501}, 99_501, "bonus"),
    ("Grant.", "grant", {"tokens": 7, "source": "beta", "expires_at": None}, 7, "grant"),
    ("Purchase.", "grant", {"tokens": 7, "source": "purchase", "expires_at": None}, 7, "purchase"),
    ("Revoke.", "revoke", {"undoes": "k"}, -300, "revocation"),
    ("Tier.", "change_tier", {"tier": "pro", "terms": PRO}, 900_000, "adjustment"),
]


@table("verb arguments amount type_", DONE)
def test_an_operation_is_one_entry_after_what_time_brought_and_its_parts_add_up(verb, arguments, amount, type_):
    before = account(**deepcopy(BUSY))
    untouched = deepcopy(before)
    after = done(before, verb, earlier=GIVEN, **arguments)
    assert before == untouched
    assert after.brought == [("expiry", -200, START + timedelta(hours=1))]
    assert (after.entry["type"], after.entry["amount"], after.entry["at"], after.entry["by"]) == (type_, amount, AT, BY)
    assert sum(part["amount"] for part in after.entry["parts"]) == amount
    assert all(part["amount"] for part in after.entry["parts"])
    result = after.account
    assert result.balance == 900 + amount
    assert result.balance == max(0, result.limit - result.used) + sum(one.left for one in result.grants)
    assert result.held == sum(one.amount for one in result.holds)
    assert result.available == max(0, result.balance - result.held)
    assert result.last_entry_at == AT


REFUSED = [
    ("Spend.", "spend", {"tokens": 10_000}, "insufficient_tokens"),
    ("Hold.", "hold", {"tokens": 10_000, "ttl": 60}, "insufficient_tokens"),
    ("Settle.", "settle", {"tokens": 5, "hold": ObjectId()}, "not_found"),
    ("Release.", "release", {"hold": ObjectId()}, "not_found"),
    ("Grant.", "grant", {"tokens": 5, "source": "beta", "expires_at": START}, "invalid_input"),
    ("Bonus.", "add_bonus", {"tokens": 2**53}, "balance_too_large"),
    ("Revoke.", "revoke", {"undoes": "k"}, "not_found"),
    ("Tier.", "change_tier", {"tier": "gold"}, "invalid_input"),
]


@table("verb arguments code", REFUSED)
def test_a_refusal_changes_nothing(verb, arguments, code):
    before = account(**deepcopy(BUSY))
    untouched = deepcopy(before)
    with pytest.raises(DomainError) as refusal:
        done(before, verb, **arguments)
    assert refusal.value.code == code
    assert before == untouched


def operation(**values):
    return Operation(**{"verb": "spend", "arguments": {"tokens": 5}, "by": BY, "at": AT, **values})


def test_a_fingerprint_is_of_the_operation_and_its_arguments_as_given():
    same = operation().fingerprint()
    other = {"kind": "cli", "id": "root", "name": "root"}
    for unimportant in ({"at": START}, {"by": other}, {"id": ObjectId()}, {"key": "k"}, {"earlier": GIVEN}):
        assert operation(**unimportant).fingerprint() == same
    told_apart = [
        operation(),
        operation(arguments={"tokens": 6}),
        operation(verb="hold"),
        operation(description="Chat"),
        operation(reference={"conversation": "1"}),
        operation(metadata={"a": 1}),
        operation(metadata={"a": "1"}),
        operation(metadata={"a": True}),
        operation(metadata={"a": None}),
    ]
    assert len({one.fingerprint() for one in told_apart}) == len(told_apart)
    assert operation(metadata={"a": 1, "b": 2}).fingerprint() == operation(metadata={"b": 2, "a": 1}).fingerprint()


SHARES = [
    ("Nothing.", 100_000, 0, 0.0),
    ("A share with one decimal.", 100_000, 67_512, 67.5),
    ("All.", 100_000, 100_000, 100.0),
    ("More than all.", 100_000, 250_000, 100.0),
    ("Without an allowance.", 0, 50, 0.0),
    ("A share of an odd limit.", 3, 1, 33.3),
]


@table("limit used percent", SHARES)
def test_the_share_of_the_allowance_that_is_used(limit, used, percent):
    one = account(used=used)
    one.limit = limit
    assert one.usage_percent == percent
