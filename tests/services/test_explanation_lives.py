"""Each figure of an account and what makes it up, on random lives against a plain model."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

import pytest
import time_machine
from bson import ObjectId
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis.stateful import rule, run_state_machine_as_test
from mongoengine.connection import get_db

from app.models.account import GrantSource
from app.models.domain_error import DomainError
from app.services import account_commit, explanation, token_accounts
from app.services.explanation import Figure
from tests.account_machine import LOW, START, AccountMachine
from tests.account_model import RefusalError
from tests.explaining import explain_all
from tests.factories import OPERATOR


class ExplainedLives(AccountMachine):
    """One account, of which every figure is explained after every step."""

    # Set by the test, since Hypothesis makes the machines.
    app: Flask
    clock: time_machine.Traveller

    def set_up(self, tier: str, initial: int) -> None:
        self.go_to(START)
        for name in ("users", "token_accounts", "ledger_entries"):
            get_db()[name].delete_many({})
        self.user = ObjectId()
        get_db().users.insert_one({"_id": self.user, "email": f"{self.user}@example.com", "tier": tier})
        self.app.config.update(INITIAL_TOKENS=initial, LOW_BALANCE_TOKENS=LOW)
        self.tell_settings()

    def tell_settings(self) -> None:
        self.app.config["TIERS"] = {
            tier: {"limit": limit, "period_days": period.days} for tier, (limit, period) in self.model.settings.items()
        }

    def go_to(self, moment: datetime) -> None:
        super().go_to(moment)
        self.clock.move_to(moment)
        if hasattr(self, "user"):
            self.compare()

    def settings_change(self, tier: str, terms: tuple[int, int]) -> None:
        super().settings_change(tier, terms)
        self.tell_settings()

    @rule()
    def somebody_copies(self) -> None:
        account_commit.copy(self.user)
        self.compare()

    def step(self, verb: str, *, key: str | None = None, content: str = "", **arguments) -> None:
        """Does it in the model and really; that both answer the same is a test of its own."""
        with suppress(RefusalError):
            self.model.do(self.now, verb, key, content, **arguments)
        if "hold" in arguments:
            arguments["hold_id"] = f"{self.user}{self.entries()[arguments.pop('hold') - 1]['_id']}"
        else:
            arguments |= {"user_id": self.user, "key": key}
        if verb == "grant":
            arguments |= {"source": GrantSource(arguments["source"]), "expires_at": arguments.pop("expires")}
        if verb in ("spend", "settle"):
            arguments["description"] = content
        elif verb not in ("hold", "release"):
            arguments["reason"] = content
        with suppress(DomainError):
            getattr(token_accounts, verb)(**arguments, by=OPERATOR)
        self.compare()

    def entries(self) -> list[dict]:
        """All that were written, oldest first."""
        stored = get_db().token_accounts.find_one({"_id": self.user})
        if stored is None:
            return []
        copied = {"account": self.user, "seq": {"$lte": stored["drained_seq"]}}
        return [*get_db().ledger_entries.find(copied).sort("seq", 1), *stored["entries"]]

    def compare(self) -> None:
        shown, now = explain_all(self.user), self.model.at(self.now)
        values = {figure: one.value for figure, one in shown.items()}
        assert values == {
            Figure.AVAILABLE: now.available,
            Figure.BALANCE: now.balance,
            Figure.ALLOWANCE: now.allowance,
            Figure.GRANTS: now.balance - now.allowance,
            Figure.HELD: now.held,
            Figure.LIMIT: now.limit,
            Figure.USED: now.used,
            Figure.CALLS: now.calls,
            Figure.LIFETIME_CALLS: now.lifetime_calls,
            Figure.LIFETIME_TOKENS: now.lifetime_tokens,
        }
        table, calls = shown[Figure.ALLOWANCE].table, shown[Figure.CALLS].table
        parts = [line.parts["allowance"] for line in now.lines if "allowance" in line.parts]
        # The newest are shown, without a gap, and what was before them is what all others came to.
        assert [row.amount for row in table.rows] == parts[::-1][: len(table.rows)]
        assert (table.older.amount if table.older else table.start) == sum(parts[: len(parts) - len(table.rows)])
        assert now.calls == len(calls.rows) + (calls.older.count if calls.older else 0)


@pytest.fixture
def lives(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[ExplainedLives]]:
    """Machines that live on this app's database and by a clock of their own."""
    names = ("TIERS", "INITIAL_TOKENS", "LOW_BALANCE_TOKENS")
    before = {name: app.config[name] for name in names}
    # Small, so that random lives are long.
    monkeypatch.setattr(explanation, "MOST_ROWS", 3)
    monkeypatch.setattr(account_commit, "COPY_BATCH", 4)
    with time_machine.travel(START, tick=False) as clock_hand:
        yield type("Lives", (ExplainedLives,), {"app": app, "clock": clock_hand})
    app.config.update(before)


@pytest.mark.parametrize("how_many", [3, pytest.param(30, marks=pytest.mark.long)])
def test_every_figure_of_a_random_life_adds_up(lives, how_many):
    run_state_machine_as_test(
        lives,
        settings=settings(
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
            max_examples=how_many,
            stateful_step_count=20,
        ),
    )
