"""Accounts on the real database against a plain model: any operations, keys and times, and deaths of the process."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from bson import ObjectId
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test
from mongoengine.connection import get_db

from app.models.account import GrantSource, Operation
from app.models.actor import Actor
from app.models.domain_error import DomainError
from app.services import account_commit, account_short_cut, due, token_accounts
from app.services.account_commit import Result
from tests.account_machine import (
    LOW,
    SIZES,
    START,
    AccountMachine,
    compare_entries,
    facts_of_account,
    facts_of_model,
    notice_keys,
    outcome_of,
)
from tests.account_model import Answer, Model
from tests.statements import Statements

BY = Actor("cli", "tests", "The tests")
# Before what another process may slip in: a write of the rules or of the short cut, or the look-up of keys.
PLACES = ["update token_accounts", "findAndModify token_accounts", "insert token_accounts", "find ledger_entries"]
COLLECTIONS = ("users", "token_accounts", "ledger_entries", "notifications", "audit_events")
# What leaves an event in the audit trail.
TRAILED = {"reset", "bonus", "grant", "purchase", "revocation", "adjustment"}
COUNTERS = ("limit", "used", "period_calls", "lifetime_calls", "lifetime_tokens", "entry_count", "drained_seq")
FIGURES = ("balance", "held", "available", "allowance_left", "plain_left", "drained_balance")

Attempt = dict[str, Any]


class Accounts(AccountMachine):
    """One user's account, through the services, on the database."""

    # Set by the test, since Hypothesis makes the machines.
    app: Flask
    clock: time_machine.Traveller
    statements: Statements

    def set_up(self, tier: str, initial: int) -> None:
        self.go_to(START)
        self.user = ObjectId()
        # What the worker finds, and so what it says, must not depend on lives that were lived before.
        for name in COLLECTIONS:
            get_db()[name].delete_many({})
        get_db().users.insert_one({"_id": self.user, "email": f"{self.user}@example.com", "tier": tier})
        self.app.config.update(INITIAL_TOKENS=initial, LOW_BALANCE_TOKENS=LOW)
        self.tell_settings()
        self.ids: list[ObjectId] = []
        self.seen: dict[ObjectId, dict[str, Any]] = {}
        self.death: dict[str, Any] | None = None
        self.between: tuple[str, Attempt | None] | None = None

    def tell_settings(self) -> None:
        self.app.config["TIERS"] = {
            tier: {"limit": limit, "period_days": period.days} for tier, (limit, period) in self.model.settings.items()
        }

    def go_to(self, moment: datetime) -> None:
        super().go_to(moment)
        self.clock.move_to(moment)

    def settings_change(self, tier: str, terms: tuple[int, int]) -> None:
        super().settings_change(tier, terms)
        self.tell_settings()

    # --- what else may happen ---

    @rule(at=st.integers(1, 5), after=st.booleans())
    def the_process_will_die(self, at: int, after: bool) -> None:
        self.death = {"at": at, "after": after}

    @rule(place=st.sampled_from(PLACES), tokens=st.sampled_from([7, 150]), keyed=st.booleans())
    def another_process_will_spend(self, place: str, tokens: int, keyed: bool) -> None:
        key = f"theirs-{len(self.model.lines)}" if keyed else None
        self.between = place, {"verb": "spend", "key": key, "tokens": tokens}

    @rule(place=st.sampled_from(PLACES))
    def another_process_will_copy(self, place: str) -> None:
        self.between = place, None

    @precondition(lambda self: self.attempts)
    @rule(which=st.integers(0, 9))
    def a_caller_tries_again(self, which: int) -> None:
        self.step(**self.attempts[-1 - which % len(self.attempts)])

    @precondition(lambda self: self.attempts)
    @rule(which=st.integers(0, 9))
    def a_caller_takes_a_key_for_something_else(self, which: int) -> None:
        key = self.attempts[-1 - which % len(self.attempts)]["key"]
        self.step("spend", key=key, tokens=1, content="Something else")

    @rule(sizes=st.lists(SIZES, min_size=2, max_size=4), keyed=st.integers(0, 4), repeated=st.booleans())
    def callers_come_at_once(self, sizes: list[int | str], keyed: int, repeated: bool) -> None:
        attempts = [{"verb": "spend", "key": None, "tokens": self.tokens(size)} for size in sizes]
        for number, attempt in enumerate(attempts[:keyed]):
            attempt["key"] = f"key-{len(self.attempts) + number}"
        self.attempts += attempts[:keyed]
        attempts += attempts[:1] * repeated
        self.play(attempts, lambda: self.as_another_process(attempts))

    @rule()
    def somebody_copies(self) -> None:
        def copy() -> list[Result]:
            account_commit.copy(self.user)
            return []

        self.play([], copy)

    @rule()
    def the_worker_runs(self) -> None:
        disturbed = self.death or self.between
        self.work()
        if disturbed:
            # What it was kept from, its next run does.
            self.work()
        self.compare_finished()

    def work(self) -> None:
        def work() -> list[Result]:
            account_commit.drain_waiting()
            due.perform_waiting()
            return []

        last = self.model.lines[-1].at if self.model.lines else self.now
        self.go_to(max(self.now, last) + timedelta(minutes=1))
        self.play([], work)

    # --- doing it, and what comes between ---

    def step(self, verb: str, *, key: str | None = None, **arguments: Any) -> None:
        attempt = {"verb": verb, "key": key, **arguments}
        self.play([attempt], lambda: [self.through_the_service(**attempt)])

    def play(self, attempts: list[Attempt], call: Callable[[], list[Result]]) -> None:
        """Does it all, really and in the model, and compares."""
        theirs: list[tuple[Attempt, Result]] = []
        results, was_first = self.meet_fate(call, theirs)
        if results is None and self.entry_count() == len(self.model.lines):
            # It died before it had done anything; else it had done everything.
            attempts = []
        before = self.model.copy()
        mine = [(attempt, results and results[number]) for number, attempt in enumerate(attempts)]
        played = [*mine, *theirs] if was_first else [*theirs, *mine]
        expected = [self.expect(**attempt) for attempt, _ in played]
        self.compare()
        if results is None:
            return
        told = [self.told(result) for _, result in played]
        # A refusal may have been decided before another process slipped in.
        assert told == expected or (theirs and told[1:] == [self.expect(before, **attempt) for attempt in attempts])

    def meet_fate(
        self, call: Callable[[], list[Result]], theirs: list[tuple[Attempt, Result]]
    ) -> tuple[list[Result] | None, bool]:
        """What `call` returns, or None where the process died, and whether it was done before another slipped in.

        What that one did is added to `theirs`.
        """
        death, between, self.death, self.between = self.death, self.between, None, None
        was_first = False

        def slip_in(attempt: Attempt | None) -> None:
            nonlocal was_first
            was_first = self.entry_count() != len(self.model.lines)
            if attempt is None:
                account_commit.drain(self.user)
            else:
                theirs.append((attempt, self.as_another_process([attempt])[0]))

        if death:
            with self.statements.dying(**death):
                return call(), False
            return None, False
        if between:
            with self.statements.meanwhile(between[0], lambda: slip_in(between[1])):
                results = call()
            return results, was_first
        return call(), False

    def as_another_process(self, attempts: list[Attempt]) -> list[Result]:
        """Past this process's queue, in one write for all."""
        operations = [
            Operation("spend", {"tokens": attempt["tokens"]}, BY.stamp(), self.now, key=attempt["key"])
            for attempt in attempts
        ]
        plain = all(attempt["key"] is None for attempt in attempts)
        return (plain and account_short_cut.spend(self.user, operations)) or account_commit.commit(
            self.user, operations
        )

    def through_the_service(self, verb: str, *, key: str | None, content: str = "", **arguments: Any) -> Result:
        """As the routes and the worker do it."""
        if "hold" in arguments:
            arguments["hold_id"] = f"{self.user}{self.ids[arguments.pop('hold') - 1]}"
        else:
            arguments |= {"user_id": self.user, "key": key}
        if verb == "grant":
            arguments |= {"source": GrantSource(arguments["source"]), "expires_at": arguments.pop("expires")}
        if verb in ("spend", "settle"):
            arguments["description"] = content
        elif verb not in ("hold", "release"):
            arguments["reason"] = content
        try:
            return getattr(token_accounts, verb)(**arguments, by=BY)
        except DomainError as refusal:
            return refusal

    # --- comparing ---

    def expect(
        self, model: Model | None = None, *, verb: str, key: str | None, content: str = "", **arguments: Any
    ) -> Answer | tuple[str, dict[str, Any]]:
        """What the model answers, this one or the machine's own."""
        return outcome_of(lambda: (model or self.model).do(self.now, verb, key, content, **arguments))

    def told(self, result: Result) -> Any:
        if isinstance(result, DomainError):
            return result.code, result.values
        line = self.ids.index(result.entry_id) + 1
        return Answer(line, result.amount, result.available, result.uncovered, result.expires_at)

    def entry_count(self) -> int:
        return (get_db().token_accounts.find_one({"_id": self.user}) or {"entry_count": 0})["entry_count"]

    def compare(self) -> None:
        """Holds every invariant of an account against what is stored, however much of it was copied."""
        ledger = list(get_db().ledger_entries.find({"account": self.user}).sort("seq", 1))
        stored = get_db().token_accounts.find_one({"_id": self.user})
        if stored is None:
            assert ledger == self.model.lines == []
            self.compare_view({})
            return
        copied, on_the_way = ledger[: stored["drained_seq"]], ledger[stored["drained_seq"] :]
        waiting = stored["entries"]
        assert [entry["seq"] for entry in ledger] == list(range(1, len(ledger) + 1))
        assert len(copied) == stored["drained_seq"]
        assert [entry["_id"] for entry in on_the_way] == [entry["_id"] for entry in waiting[: len(on_the_way)]]
        entries = [*copied, *waiting]
        assert stored["entry_count"] == len(entries)
        self.ids = [entry["_id"] for entry in entries]
        lines = {str(id_): number for number, id_ in enumerate(self.ids, start=1)}
        compare_entries(entries, self.model, lines)
        assert [(one["before"], one["after"]) for one in ledger] == [
            (line.before, line.after) for line in self.model.lines[: len(ledger)]
        ]
        self.compare_unchanged([*entries, *on_the_way])
        assert stored["drained_balance"] == (copied[-1]["after"] if copied else 0)
        account = as_account(stored)
        assert facts_of_account(account, lines) == facts_of_model(self.model)
        assert account.balance == (self.model.lines[-1].after if self.model.lines else 0)
        assert all(type(stored[name]) is int and stored[name] >= 0 for name in (*COUNTERS, *FIGURES))
        assert stored["available"] == max(0, stored["balance"] - stored["held"])
        assert stored["plain_left"] <= min(stored["allowance_left"], stored["available"])
        self.compare_view(lines)

    def compare_unchanged(self, entries: list[dict[str, Any]]) -> None:
        """Entries never change, nor does copying change them; their keys are unique, and stand with their answers."""
        for entry in entries:
            content = {
                name: value for name, value in entry.items() if name not in ("account", "seq", "before", "after")
            }
            assert self.seen.setdefault(entry["_id"], content) == content
        keys = {number: self.seen[id_].get("key") for number, id_ in enumerate(self.ids, start=1)}
        assert [
            self.hold_key(line.key) if line.key and line.key.startswith("hold:") else line.key
            for line in self.model.lines
        ] == list(keys.values())
        used = [key for key in keys.values() if key]
        assert len(used) == len(set(used))

    def hold_key(self, key: str) -> str:
        return f"hold:{self.user}{self.ids[int(key.removeprefix('hold:')) - 1]}"

    def compare_view(self, lines: dict[str, int]) -> None:
        """What a page shows now, with what time has brought since the last write."""
        view, shown = token_accounts.view(self.user), self.model.at(self.now)
        if lines:
            assert facts_of_account(view, lines) == facts_of_model(shown)
        assert (view.balance, view.held, view.available) == (shown.balance, shown.held, shown.available)

    def compare_finished(self) -> None:
        """After the worker nothing waits, and everything was done once."""
        stored = get_db().token_accounts.find_one({"_id": self.user})
        if stored is None:
            return
        assert (stored["entries"], stored["due"], "drain_at" in stored) == ([], [], False)
        notices = [one["key"] for one in get_db().notifications.find({"user": self.user})]
        ids = dict(enumerate(self.ids, start=1))
        assert sorted(notices) == sorted(notice_keys(self.user, self.model, ids))
        trailed = [line for line in self.model.lines if line.type in TRAILED and line.key != "initial"]
        assert get_db().audit_events.count_documents({"object.id": str(self.user)}) == len(trailed)


def as_account(stored: dict[str, Any]) -> SimpleNamespace:
    """The stored document with the names of an account."""
    lists = {name: [SimpleNamespace(**one) for one in stored[name]] for name in ("grants", "holds")}
    return SimpleNamespace(**{**stored, **lists, "period": timedelta(seconds=stored["period_seconds"])})


@pytest.fixture
def lives(app: Flask, statements: Statements) -> Iterator[type[Accounts]]:
    """Machines that live on this app's database and by a clock of their own."""
    names = ("TIERS", "INITIAL_TOKENS", "LOW_BALANCE_TOKENS")
    before = {name: app.config[name] for name in names}
    with time_machine.travel(START, tick=False) as clock:
        yield type("Lives", (Accounts,), {"app": app, "clock": clock, "statements": statements})
    app.config.update(before)


def live(machine: type[Accounts], **how_long: Any) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(database=None, deadline=None, suppress_health_check=list(HealthCheck), **how_long),
    )


def test_accounts_do_what_the_model_does(lives: type[Accounts]):
    live(lives, max_examples=20, stateful_step_count=35, derandomize=True)


@pytest.mark.long
def test_accounts_do_what_the_model_does_for_a_long_time(lives: type[Accounts]):
    live(lives, max_examples=600, stateful_step_count=80)
