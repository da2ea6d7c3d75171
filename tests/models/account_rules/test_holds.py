"""Holds: reserving, settling and releasing, and what neither a hold nor its end can stop."""

from datetime import timedelta

import pytest
from bson import ObjectId

from app.models.account import Terms
from app.models.domain_error import InsufficientTokens, NotFound, TooManyHolds
from tests.models.account_rules.examples import (
    AT,
    DAY,
    MILLISECOND,
    PREPAID,
    START,
    WEEK,
    account,
    done,
    entry_of,
    grant,
    hold,
    moved,
    spent,
    table,
)

LATER = START + 2 * DAY


def test_a_hold_keeps_tokens_and_changes_no_balance():
    after = done(account(used=40_000), "hold", tokens=10_000, ttl=600)
    assert (after.account.balance, after.account.held, after.account.available) == (60_000, 10_000, 50_000)
    assert (after.entry["type"], after.entry["amount"], after.entry["parts"]) == ("hold", 0, [])
    assert after.entry["answer"]["expires_at"] == AT + timedelta(minutes=10)


def test_a_hold_has_the_id_of_its_entry():
    after = done(account(), "hold", tokens=1, ttl=1)
    assert [one.id for one in after.account.holds] == [after.entry["_id"]]


def test_a_hold_is_no_call():
    after = done(account(), "hold", tokens=10, ttl=600).account
    assert (after.period_calls, after.lifetime_calls, after.lifetime_tokens, after.last_spend_at) == (0, 0, 0, None)


def test_a_hold_needs_what_is_available():
    before = account(used=99_000, holds=[hold(400)])
    assert done(before, "hold", tokens=600, ttl=60).account.available == 0
    with pytest.raises(InsufficientTokens) as refusal:
        done(before, "hold", tokens=601, ttl=60)
    assert refusal.value.values == {"available": 600, "needed": 601, "resets_at": START + WEEK}


def test_a_hundred_holds_may_be_open_and_ended_ones_do_not_count():
    before = account(holds=[hold(1) for _ in range(99)] + [hold(1, AT)])
    full = done(before, "hold", tokens=1, ttl=60).account
    assert len(full.holds) == 100
    with pytest.raises(TooManyHolds):
        done(full, "hold", tokens=1, ttl=60)


SETTLED = [
    # available is what all open holds leave: balance - held, never below 0.
    ("Less than was held: the rest is available again.", {"used": 0}, [100], 60, 60),
    ("Exactly what was held.", {"used": 0}, [100], 100, 100),
    ("More than was held, and available covers it.", {"used": 0}, [100], 250, 250),
    ("More than the hold and what is available.", {"used": 99_800}, [100], 250, 200),
    ("Another hold's tokens are not taken.", {"used": 99_800}, [100, 70], 250, 130),
    ("Several holds leave nothing but the own one.", {"used": 99_800}, [100, 100], 250, 100),
    ("The balance has shrunk under the hold: no more than there is.", {"used": 99_940}, [100], 100, 60),
    ("The balance has shrunk under several holds: the first takes what it held.", {"used": 99_900}, [80, 70], 80, 80),
    ("The balance has shrunk under several holds: no more than what it held.", {"used": 99_900}, [80, 70], 95, 80),
    ("Nothing is left.", {"used": 100_000}, [100], 100, 0),
]


@table("values holds asked charged", SETTLED)
def test_settling_takes_the_least_of_asked_the_hold_with_what_is_available_and_the_balance(
    values, holds, asked, charged
):
    before = account(**values, holds=[hold(amount) for amount in holds])
    after = done(before, "settle", hold=before.holds[0].id, tokens=asked)
    assert (after.entry["type"], after.entry["amount"]) == ("usage", -charged)
    assert after.entry["answer"] == {"uncovered": asked - charged}
    assert after.account.balance == 100_000 - values["used"] - charged
    assert after.account.held == sum(holds[1:])
    assert (after.account.period_calls, after.account.lifetime_tokens) == (1, charged)


def test_settling_burns_in_the_usual_order():
    soon, late = grant(30, LATER), grant(500)
    before = account(used=99_980, grants=[late, soon], holds=[hold(100)])
    after = done(before, "settle", hold=before.holds[0].id, tokens=90)
    assert (after.part("allowance"), after.part(soon.id), after.part(late.id)) == (-20, -30, -40)


def test_a_grant_expires_under_a_hold():
    before = account(used=99_950, grants=[grant(100, AT)], holds=[hold(120)])
    after = done(before, "settle", hold=before.holds[0].id, tokens=120)
    assert after.brought == [("expiry", -100, AT)]
    assert (after.entry["amount"], after.entry["answer"]) == (-50, {"uncovered": 70})


def test_a_renewal_fills_up_what_a_hold_lacks():
    before = account(used=100_000, grants=[grant(20)], holds=[hold(20, START + 2 * WEEK)])
    after = done(before, "settle", at=START + WEEK, hold=before.holds[0].id, tokens=500)
    assert after.brought == [("renewal", 100_000, START + WEEK)]
    assert (after.entry["amount"], after.account.balance) == (-500, 99_520)


ENDED = [
    ("It charges from what is available.", 0, [], 500, 500),
    ("It charges no more than what is available.", 99_700, [], 500, 300),
    ("What others hold is not available to it.", 99_700, [200], 500, 100),
    ("Where nothing is available nothing is charged.", 100_000, [], 500, 0),
]


@table("used others asked charged", ENDED)
def test_a_hold_that_has_ended_still_charges(used, others, asked, charged):
    before = account(used=used, holds=[hold(400, AT), *(hold(amount) for amount in others)])
    ended = before.holds[0]
    made = {**entry_of("hold"), "_id": ended.id}
    after = done(before, "settle", earlier=made, hold=ended.id, tokens=asked)
    assert after.brought == []
    assert (after.entry["amount"], after.entry["answer"]) == (-charged, {"uncovered": asked - charged})
    # Long after it left the account it is no different.
    gone = account(used=used, holds=[hold(amount) for amount in others])
    assert done(gone, "settle", earlier=made, hold=ended.id, tokens=asked).entry["amount"] == -charged


def test_a_hold_ends_by_itself_without_an_entry_at_its_last_millisecond():
    end = AT + timedelta(seconds=60)
    before = account(used=99_900, holds=[hold(60, end)])
    with pytest.raises(InsufficientTokens):
        spent(before, 41, at=end - MILLISECOND)
    after = spent(before, 41, at=end)
    assert after.brought == []
    assert (after.account.holds, after.account.held, after.account.available) == ([], 0, 59)


def test_a_release_gives_back_and_charges_nothing():
    before = account(PREPAID, grants=[grant(500)], holds=[hold(200), hold(100)])
    after = done(before, "release", hold=before.holds[0].id)
    assert (after.entry["type"], after.entry["amount"]) == ("release", 0)
    assert (after.account.balance, after.account.held, after.account.available) == (500, 100, 400)
    assert after.account.period_calls == 0


def test_what_closes_a_hold_names_it():
    before = account(holds=[hold(200)])
    for verb, tokens in (("settle", {"tokens": 5}), ("release", {})):
        assert done(before, verb, hold=before.holds[0].id, **tokens).entry["reference"] == {"hold": before.holds[0].id}


def test_a_hold_that_ended_by_itself_is_still_released():
    made = entry_of("hold")
    assert done(account(), "release", earlier=made, hold=made["_id"]).entry["amount"] == 0


@pytest.mark.parametrize("verb", ["settle", "release"])
def test_what_is_no_hold_is_not_closed(verb):
    tokens = {"tokens": 5} if verb == "settle" else {}
    for earlier in (None, entry_of("usage"), entry_of("grant")):
        with pytest.raises(NotFound):
            done(account(holds=[hold(5)]), verb, earlier=earlier, hold=ObjectId(), **tokens)


def test_holds_outlast_a_reset_a_lowered_tier_and_a_renewal():
    before = account(used=90_000, holds=[hold(5_000, START + 3 * WEEK)])
    for after in (
        done(before, "reset"),
        moved(before, Terms("free", 50_000, WEEK)),
        done(before, "hold", tokens=1, ttl=1, at=START + 2 * WEEK),
    ):
        assert before.holds[0] in after.account.holds
    lowered = moved(before, Terms("free", 50_000, WEEK)).account
    assert (lowered.balance, lowered.held, lowered.available) == (0, 5_000, 0)
