"""What a user is told of: each share of the allowance and the low balance, by the spend that crossed it."""

from app.models.account import Terms
from tests.models.account_rules.examples import (
    AT,
    LOW,
    PREPAID,
    START,
    WEEK,
    account,
    done,
    grant,
    hold,
    moved,
    spent,
    table,
)


def kinds(after):
    """What the user is told of; of little that is left, webhooks are told as well."""
    notices = [item for item in after.due if item["verb"] == "notify"]
    assert all(item["arguments"]["user"] == after.account.id for item in notices)
    told = [item["arguments"]["kind"] for item in notices]
    events = [item["arguments"] for item in after.due if item["verb"] == "deliver.event"]
    assert events == [{"event": "tokens.low", "data": {"user": after.account.id}}] * ("tokens_low" in told)
    assert len(after.due) == len(notices) + len(events)
    return told


SHARES = [
    ("Under 80 percent.", 79_000, 999, []),
    ("80 percent, to the token.", 79_000, 1_000, ["allowance_80"]),
    ("Past 80 percent.", 79_999, 50, ["allowance_80"]),
    ("Told of before.", 80_000, 50, []),
    ("95 percent.", 94_999, 1, ["allowance_95"]),
    ("Two at once.", 70_000, 26_000, ["allowance_80", "allowance_95"]),
    ("All of it.", 99_999, 1, ["allowance_100"]),
    ("All at once.", 0, 100_000, ["allowance_80", "allowance_95", "allowance_100"]),
    ("More than all of it.", 99_000, 3_000, ["allowance_100"]),
    ("Grants alone cross nothing.", 100_000, 3_000, []),
]


@table("used tokens told", SHARES)
def test_a_user_is_told_of_each_share_of_the_allowance_that_a_spend_crosses(used, tokens, told):
    assert kinds(spent(account(used=used, grants=[grant(50_000)]), tokens)) == told


def test_shares_of_odd_limits_are_reached_at_the_next_whole_token():
    # 80 percent of 101 is 80.8.
    before = account(used=80, grants=[grant(50_000)])
    before.limit = 101
    assert kinds(spent(before, 1)) == ["allowance_80"]
    before.used = 79
    assert kinds(spent(before, 1)) == []


LOWS = [
    ("Exactly the limit is not low.", 2_000, [], 1_000, []),
    ("One under it is.", 2_000, [], 1_001, ["tokens_low"]),
    ("Told of before.", 999, [], 1, []),
    ("What is held does not count as there.", 5_000, [3_000], 1_001, ["tokens_low"]),
    ("All of it.", 1_000, [], 1_000, ["tokens_low"]),
]


@table("balance holds tokens told", LOWS)
def test_a_user_is_told_when_little_is_available(balance, holds, tokens, told):
    after = spent(account(PREPAID, grants=[grant(balance)], holds=[hold(amount) for amount in holds]), tokens)
    assert kinds(after) == told
    values = [item["arguments"]["values"] for item in after.due if item["verb"] == "notify"]
    assert values == [{"available": balance - sum(holds) - tokens}] * len(told)


def test_settling_tells_of_what_its_own_hold_had_only_reserved():
    before = account(PREPAID, grants=[grant(1_500)])
    held = done(before, "hold", tokens=1_000, ttl=600)
    assert kinds(held) == []
    assert kinds(done(held.account, "settle", hold=held.entry["_id"], tokens=400)) == []
    assert kinds(done(held.account, "settle", hold=held.entry["_id"], tokens=501)) == ["tokens_low"]
    assert kinds(done(held.account, "release", hold=held.entry["_id"])) == []


def test_a_crossing_is_told_once_a_period():
    before = account(used=79_000, grants=[grant(50_000)])
    first = spent(before, 1_000).due
    again = spent(done(spent(before, 1_000).account, "add_bonus", tokens=5_000).account, 6_000).due
    assert [item["key"] for item in first] == [item["key"] for item in again]
    renewed = spent(spent(before, 1_000).account, 80_000, at=START + WEEK).due
    reset = spent(done(spent(before, 1_000).account, "reset").account, 80_000).due
    keys = {item["key"] for due in (first, renewed, reset) for item in due}
    assert len(keys) == 3


def test_without_periods_each_crossing_is_told():
    before = account(PREPAID, grants=[grant(1_000)])
    first = spent(before, 1)
    filled = done(first.account, "grant", tokens=500, source="purchase", expires_at=None).account
    second = spent(filled, 600)
    assert kinds(first) == kinds(second) == ["tokens_low"]
    assert first.due[0]["key"] != second.due[0]["key"]


def test_time_and_what_others_do_to_an_account_is_no_spend():
    before = account(used=50_000, grants=[grant(LOW, AT)])
    assert kinds(moved(before, Terms("free", 50_000, WEEK))) == []
    assert kinds(done(before, "reset")) == []


def test_what_can_be_spent_without_being_told_is_kept_for_the_short_cut():
    # Told at 80,000 used; told at 999 available; covered by the allowance; and not held.
    rows = [
        (account(used=10_000), 70_000 - 1),
        (account(used=80_000), 15_000 - 1),
        (account(used=96_000), 3_000),
        (account(used=99_500), 500 - 1),
        (account(used=99_500, grants=[grant(5_000)]), 500 - 1),
        (account(used=100_000, grants=[grant(5_000)]), 0),
        (account(used=10_000, holds=[hold(85_000)]), 4_000),
        (account(used=10_000, holds=[hold(89_500)]), 500),
        (account(used=10_000, holds=[hold(95_000)]), 0),
        (account(PREPAID, grants=[grant(5_000)]), 0),
    ]
    for before, plain in rows:
        closed = done(before, "release", earlier={"type": "hold"}, hold=None)
        assert closed.account.plain_left == plain
        if plain:
            assert kinds(spent(before, plain)) == []
