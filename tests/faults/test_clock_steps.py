"""A clock that is set forward and back while people spend: an account's own time only ever goes forward."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import time_machine

from app.services import token_accounts
from tests.account_soundness import sound_entries
from tests.factories import OPERATOR, make_user
from tests.faults import aftermath

START = datetime(2026, 3, 10, 12, tzinfo=UTC)
STEPS = [timedelta(**step) for step in ({"days": 8}, {"days": -10}, {"hours": -3}, {"days": 30}, {"days": -29})]
# The first of them sets the clock after so many of its spends.
SPENDERS, EACH = 4, 4
SPENDS = EACH * (len(STEPS) + 1)


def test_an_accounts_time_never_runs_backwards_and_each_period_is_renewed_once(app, threads):
    user, told = make_user(), {}
    with time_machine.travel(START) as traveller:
        first = token_accounts.spend(user.id, 7, by=OPERATOR, key="first")

        def work(number):
            for n in range(SPENDS):
                # The others are in the middle of theirs.
                if number == 0 and n and n % EACH == 0:
                    traveller.shift(STEPS[n // EACH - 1])
                key = f"{number}-{n}"
                told[key] = token_accounts.spend(user.id, 7, by=OPERATOR, key=key if n % 2 else None)

        assert threads(work, SPENDERS) == [None] * SPENDERS
        # The clock is a day before the last entries: what was done is found, and nothing is done again.
        again = {key: token_accounts.spend(user.id, 7, by=OPERATOR, key=key) for key in told if int(key[-1]) % 2}
    assert {key: outcome.entry_id for key, outcome in again.items()} == {key: told[key].entry_id for key in again}
    entries = sound_entries(user.id)
    assert all(one["at"] <= other["at"] for one, other in pairwise(entries))
    assert entries[-1]["at"] > START + timedelta(days=25)
    spent = [entry["_id"] for entry in entries if entry["type"] == "usage"]
    assert sorted(spent) == sorted([first.entry_id, *(outcome.entry_id for outcome in told.values())])
    renewals = [entry["at"] for entry in entries if entry["type"] == "renewal"][1:]
    assert len(renewals) == len(set(renewals)) == 2
    assert list(aftermath.refused_proofs(app)) == []
