"""Many at once on one account: threads of one process, and what another process does at the worst moment."""

import random
import threading
from collections import Counter
from typing import Any

import pytest
from bson import ObjectId
from mongoengine.connection import get_db

from app import clock
from app.models.account import GrantSource, Operation
from app.models.domain_error import InsufficientTokens, Unavailable
from app.models.user import User
from app.services import account_commit, account_group, account_short_cut, token_accounts
from app.services.account_commit import Outcome
from tests.account_soundness import sound_entries
from tests.factories import OPERATOR, make_user
from tests.processes import wait_until
from tests.statements import Died

FREE, INITIAL = 100_000, 50_000


@pytest.fixture
def user() -> User:
    """Somebody with 150,000 tokens and no account document yet."""
    return make_user()


def spend(user: User, tokens: int, **values: Any) -> Outcome:
    return token_accounts.spend(user.id, tokens, by=OPERATOR, **values)


def elsewhere(user: User, tokens: int, key: str | None = None) -> Outcome:
    """A spend by another process: past the queue of this one."""
    operation = Operation("spend", {"tokens": tokens}, OPERATOR.stamp(), clock.now(), key=key)
    plain = account_short_cut.spend(user.id, [operation]) if key is None else None
    return (plain or account_commit.commit(user.id, [operation]))[0]


def kinds(outcomes: list[Any]) -> Counter[str]:
    return Counter(type(outcome).__name__ for outcome in outcomes)


# --- threads ----------------------------------------------------------------------------------------------------------


def test_64_threads_that_spend_at_the_limit_end_at_exactly_zero(user, threads):
    def spend_some(_: int) -> list[Any]:
        done = []
        for _ in range(4):
            try:
                done.append(spend(user, 1_000))
            except InsufficientTokens as refusal:
                done.append(refusal)
        return done

    outcomes = [outcome for done in threads(spend_some, 64) for outcome in done]
    assert kinds(outcomes) == {"Outcome": 150, "InsufficientTokens": 106}
    assert token_accounts.view(user.id).balance == 0
    account_commit.drain(user.id)
    entries = sound_entries(user.id)
    assert [entry["amount"] for entry in entries] == [FREE, INITIAL] + [-1_000] * 150
    assert {entry["_id"] for entry in entries[2:]} == {one.entry_id for one in outcomes if isinstance(one, Outcome)}
    assert get_db().ledger_entries.count_documents({"account": user.id}) == 152
    # Each was told what was left after it, and no two the same.
    assert sorted(one.available for one in outcomes if isinstance(one, Outcome)) == list(range(0, 150_000, 1_000))


def test_the_same_key_from_100_callers_has_one_effect_and_one_answer(user, threads):
    outcomes = threads(lambda _: spend(user, 7, key="call-1", description="One call"), 100)
    assert kinds(outcomes) == {"Outcome": 100}
    assert len({(one.entry_id, one.amount, one.available, one.at, one.description) for one in outcomes}) == 1
    assert [one.replayed for one in outcomes].count(False) == 1
    spend(user, 1_000)
    assert spend(user, 7, key="call-1", description="One call").available == 149_993
    assert [entry["amount"] for entry in sound_entries(user.id)] == [FREE, INITIAL, -7, -1_000]


def test_the_same_key_from_100_holders_is_one_hold(user, threads):
    outcomes = threads(lambda _: token_accounts.hold(user.id, 500, key="answer-1", by=OPERATOR), 100)
    assert len({(one.hold_id, one.expires_at, one.available) for one in outcomes}) == 1
    assert token_accounts.view(user.id).held == 500


def test_a_hold_that_100_callers_close_is_closed_once(user, threads):
    hold_id = token_accounts.hold(user.id, 500, by=OPERATOR).hold_id

    def close(i: int) -> Outcome:
        return (
            token_accounts.settle(hold_id, 300, by=OPERATOR) if i % 2 else token_accounts.release(hold_id, by=OPERATOR)
        )

    outcomes = threads(close, 100)
    assert kinds(outcomes) == {"Outcome": 50, "HoldClosed": 50}
    assert len({one.entry_id for one in outcomes if isinstance(one, Outcome)}) == 1
    entries = sound_entries(user.id)
    assert [entry["type"] for entry in entries[2:]] in (["hold", "usage"], ["hold", "release"])
    assert (get_db().token_accounts.find_one()["held"], len(entries)) == (0, 4)


def test_of_two_contents_under_one_key_one_wins(user, threads):
    outcomes = threads(lambda i: spend(user, 10 + i % 2, key="call-1"), 60)
    assert kinds(outcomes) == {"Outcome": 30, "KeyReused": 30}
    assert len({one.amount for one in outcomes if isinstance(one, Outcome)}) == 1
    assert len(sound_entries(user.id)) == 3


def test_a_key_that_was_refused_may_succeed_later(user, threads):
    outcomes = threads(lambda _: spend(user, 150_001, key="call-1"), 20)
    assert kinds(outcomes) == {"InsufficientTokens": 20}
    assert get_db().token_accounts.count_documents({}) == 0
    token_accounts.grant(user.id, 1, source=GrantSource.BETA, by=OPERATOR, reason="One more")
    outcomes = threads(lambda _: spend(user, 150_001, key="call-1"), 20)
    assert kinds(outcomes) == {"Outcome": 20}
    assert token_accounts.view(user.id).balance == 0


def test_all_kinds_of_operations_at_once_lose_nothing_while_it_is_copied(user, threads):
    def work(i: int) -> list[Outcome]:
        draw = random.Random(i)  # noqa: S311 - a repeatable mix, no secret.
        if i % 8 == 0:
            return [account_commit.drain(user.id) for _ in range(12)] and []
        done = []
        for n in range(6):
            kind = draw.choice(["plain", "plain", "keyed", "settled", "released", "bonus", "reset", "grant"])
            if kind == "plain":
                done.append(spend(user, draw.randint(1, 50)))
            elif kind == "keyed":
                # Each key comes from two threads.
                done.append(spend(user, 9, key=f"shared-{i // 2}-{n}"))
            elif kind in ("settled", "released"):
                done.append(token_accounts.hold(user.id, draw.randint(1, 200), by=OPERATOR))
                close = token_accounts.release if kind == "released" else token_accounts.settle
                tokens = [] if kind == "released" else [draw.randint(1, 300)]
                done.append(close(done[-1].hold_id, *tokens, by=OPERATOR))
            elif kind == "bonus":
                done.append(token_accounts.add_bonus(user.id, draw.randint(1, 99), by=OPERATOR, reason="Sorry"))
            elif kind == "reset":
                done.append(token_accounts.reset(user.id, by=OPERATOR, reason="Asked for"))
            else:
                done.append(
                    token_accounts.grant(
                        user.id, 5, source=GrantSource.BETA, by=OPERATOR, reason="Beta", key=f"{i}-{n}"
                    )
                )
        return done

    results = threads(work, 40)
    assert kinds(results) == {"list": 40}
    done = [outcome for outcomes in results for outcome in outcomes]
    account_commit.drain(user.id)
    entries = {entry["_id"]: entry for entry in sound_entries(user.id)[2:]}
    told = {outcome.entry_id: outcome.amount for outcome in done}
    assert {id_: entry["amount"] for id_, entry in entries.items()} == told
    assert Counter(outcome.replayed for outcome in done)[False] == len(entries)
    assert get_db().token_accounts.find_one()["entries"] == []


def test_first_operations_at_once_make_one_account_with_one_initial_grant(user, threads):
    outcomes = threads(lambda i: spend(user, 10, key=f"call-{i}"), 50)
    assert kinds(outcomes) == {"Outcome": 50}
    entries = sound_entries(user.id)
    assert [entry["type"] for entry in entries] == ["renewal", "grant", *["usage"] * 50]
    assert [entry["key"] for entry in entries if entry["type"] == "grant"] == ["initial"]
    assert get_db().token_accounts.count_documents({}) == 1


def test_first_operations_of_many_processes_make_one_account_too(user, threads):
    outcomes = threads(lambda i: elsewhere(user, 10, key=f"call-{i}" if i % 2 else None), 16)
    assert kinds(outcomes) == {"Outcome": 16}
    entries = sound_entries(user.id)
    assert [entry["amount"] for entry in entries] == [FREE, INITIAL] + [-10] * 16


# --- the queue of a process -------------------------------------------------------------------------------------------


class Writes:
    """What a queue writes with: each write waits until it may go on, then gives or raises what is planned."""

    def __init__(self, *plans: BaseException | None):
        self.plans = list(plans)
        self.began, self.goes_on = threading.Semaphore(0), threading.Semaphore(0)
        self.batches: list[int] = []

    def __call__(self, _account_id: ObjectId, operations: Any) -> list[Any]:
        self.batches.append(len(operations))
        self.began.release()
        self.goes_on.acquire()
        plan = self.plans.pop(0) if self.plans else None
        if plan is not None:
            raise plan
        return [operation.arguments["n"] for operation in operations]


@pytest.mark.parametrize(
    ("ends_with", "others_hear"),
    [(Died(), Unavailable), (SystemExit(1), Unavailable), (KeyboardInterrupt(), Unavailable), (OSError("x"), OSError)],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_whatever_ends_a_leader_frees_those_who_wait(ends_with, others_hear):
    account_id, write, heard = ObjectId(), Writes(None, ends_with), {}

    def submit(n: int) -> None:
        operation = Operation("spend", {"n": n}, {}, clock.now())
        try:
            heard[n] = account_group.submit(account_id, operation, write)
        except BaseException as error:
            heard[n] = error

    callers = [threading.Thread(target=submit, args=(n,)) for n in range(12)]
    callers[0].start()
    write.began.acquire()
    for caller in callers[1:]:
        caller.start()
    wait_until(lambda: len(account_group._queues[account_id]) == 12)
    write.goes_on.release()
    # The second leader took all eleven, and dies over them.
    write.began.acquire()
    write.goes_on.release()
    for caller in callers:
        caller.join(30)
    assert not any(caller.is_alive() for caller in callers)
    assert write.batches == [1, 11]
    answers = [heard[n] for n in range(1, 12)]
    assert heard[0] == 0
    assert answers.count(ends_with) == (11 if isinstance(ends_with, Exception) else 1)
    assert sum(isinstance(answer, others_hear) for answer in answers) == (11 if others_hear is OSError else 10)
    # Nothing is left behind: the next caller leads.
    write.goes_on.release()
    submit(99)
    assert (heard[99], account_id in account_group._queues) == (99, False)


def test_those_who_come_while_a_leader_writes_are_written_together_and_at_most_a_hundred():
    account_id, write, heard = ObjectId(), Writes(), {}

    def submit(n: int) -> None:
        heard[n] = account_group.submit(account_id, Operation("spend", {"n": n}, {}, clock.now()), write)

    callers = [threading.Thread(target=submit, args=(n,)) for n in range(151)]
    callers[0].start()
    write.began.acquire()
    for caller in callers[1:]:
        caller.start()
    wait_until(lambda: len(account_group._queues[account_id]) == 151)
    for _ in range(3):
        write.goes_on.release()
    for caller in callers:
        caller.join(30)
    assert (write.batches, heard) == ([1, 100, 50], {n: n for n in range(151)})


def test_a_refusal_of_one_is_no_refusal_of_the_others(user, threads):
    outcomes = threads(lambda i: spend(user, 1_000_000 if i % 5 == 0 else 10), 40)
    assert kinds(outcomes) == {"InsufficientTokens": 8, "Outcome": 32}
    assert token_accounts.view(user.id).balance == 150_000 - 320
