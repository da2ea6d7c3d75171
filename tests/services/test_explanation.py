"""Each figure of an account and what makes it up: on chosen lives, and on random ones against a plain model."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from bson import ObjectId
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis.stateful import rule, run_state_machine_as_test
from mongoengine.connection import get_db

from app import clock
from app.models import account_rules
from app.models.account import GrantSource, Operation
from app.models.domain_error import DomainError, NotFound
from app.models.ledger_entry import numbered
from app.models.token_account import from_fields, to_fields
from app.services import account_commit, explanation, ledger_verify, token_accounts
from app.services.account_moment import Choice
from app.services.explanation import Explanation, Figure, Older, explain
from tests.account_machine import LOW, START, AccountMachine
from tests.account_model import RefusalError
from tests.factories import OPERATOR, make_user

MONDAY = datetime(2026, 11, 2, 9, tzinfo=UTC)


def spend(user, tokens):
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
    return [(term.name, term.amount) for term in shown.terms]


def rows(shown: Explanation) -> list[tuple[str, int, int]]:
    return [(row.entry["type"], row.amount, row.after) for row in shown.table.rows]


# --- chosen lives -----------------------------------------------------------------------------------------------------


@pytest.fixture
def user():
    return make_user()


def test_an_account_that_no_operation_has_made_is_explained_by_what_it_will_begin_with(user):
    shown = explain_all(user.id)
    assert rows(shown[Figure.BALANCE]) == [("grant", 50_000, 150_000), ("renewal", 100_000, 100_000)]
    assert shown[Figure.ALLOWANCE].table.start == 100_000
    assert get_db().token_accounts.count_documents({}) == 0


def test_a_formula_has_the_figures_that_make_up_the_figure(user):
    spend(user, 67_500)
    token_accounts.hold(user.id, 500, by=OPERATOR)
    shown = explain_all(user.id)
    assert said(shown[Figure.BALANCE]) == [("allowance", 32_500), ("grants", 50_000)]
    assert said(shown[Figure.AVAILABLE]) == [("balance", 82_500), ("held", -500)]
    assert said(shown[Figure.ALLOWANCE]) == [("limit", 100_000), ("used", -67_500)]
    assert said(shown[Figure.USED]) == [("limit", 100_000), ("allowance", -32_500)]
    assert said(shown[Figure.GRANTS]) == [("given", 50_000), ("taken", 0)]


def test_what_is_used_beyond_a_lowered_limit_is_a_term_of_its_own(user):
    token_accounts.change_tier(user.id, "pro", by=OPERATOR, reason="Trial")
    spend(user, 300_000)
    token_accounts.change_tier(user.id, "free", by=OPERATOR, reason="Trial is over")
    shown = explain_all(user.id)
    assert said(shown[Figure.ALLOWANCE]) == [("limit", 100_000), ("used", -300_000), ("beyond", 200_000)]
    assert rows(shown[Figure.ALLOWANCE]) == [
        ("adjustment", -700_000, 0),
        ("usage", -300_000, 700_000),
        ("adjustment", 900_000, 1_000_000),
    ]


def test_what_is_held_beyond_the_balance_is_a_term_of_its_own(app):
    with time_machine.travel(MONDAY, tick=False) as time:
        user = make_user(tier="prepaid")
        ends = MONDAY + timedelta(minutes=1)
        token_accounts.grant(user.id, 900, source=GrantSource.BETA, by=OPERATOR, reason="A gift", expires_at=ends)
        token_accounts.hold(user.id, 50_400, by=OPERATOR)
        time.shift(timedelta(minutes=2))
        shown = explain_all(user.id)
    assert said(shown[Figure.AVAILABLE]) == [("balance", 50_000), ("held", -50_400), ("uncovered", 400)]


def test_a_grant_is_explained_by_what_it_gave_and_by_what_took_from_it(user):
    token_accounts.grant(user.id, 1_000, source=GrantSource.PURCHASE, by=OPERATOR, reason="Order 7", key="order-7")
    spend(user, 100_000)
    _initial, bought = explain(user.id, Figure.GRANTS).grants
    spend(user, 50_300)
    shown = explain(user.id, Figure.GRANTS, grant=bought.id)
    check(shown)
    assert (shown.value, said(shown)) == (700, [("given", 1_000), ("taken", -300)])
    assert rows(shown) == [("usage", -300, 700), ("purchase", 1_000, 1_000)]


def test_a_hold_says_what_for_and_until_when(user):
    outcome = token_accounts.hold(user.id, 700, by=OPERATOR, description="Chat answer")
    [(hold, entry)] = explain(user.id, Figure.HELD).holds
    assert (hold.amount, hold.expires_at, entry["description"]) == (700, outcome.expires_at, "Chat answer")
    account_commit.drain(user.id)
    check(explain(user.id, Figure.HELD))


@pytest.mark.parametrize("copied", [False, True])
def test_a_period_holds_what_came_after_it_began(app, copied):
    with time_machine.travel(MONDAY, tick=False) as time:
        user = make_user()
        spend(user, 100)
        time.shift(timedelta(days=8))
        spend(user, 30)
        token_accounts.add_bonus(user.id, 10, by=OPERATOR, reason="Sorry")
        if copied:
            account_commit.drain(user.id)
        shown = explain_all(user.id)
    assert rows(shown[Figure.ALLOWANCE]) == [("bonus", 10, 99_980), ("usage", -30, 99_970)]
    assert shown[Figure.ALLOWANCE].table.start == 100_000
    assert (shown[Figure.CALLS].value, shown[Figure.LIFETIME_CALLS].value) == (1, 2)


@pytest.mark.parametrize("copied", [False, True])
def test_a_period_that_left_no_entry_is_known_all_the_same(app, copied):
    """A renewal that gave nothing is not entered; what went before must not count for the new period."""
    with time_machine.travel(MONDAY, tick=False) as time:
        user = make_user()
        spend(user, 100)
        token_accounts.add_bonus(user.id, 100, by=OPERATOR, reason="Sorry")
        time.shift(timedelta(days=8))
        if copied:
            account_commit.drain(user.id)
        before = explain_all(user.id)
        spend(user, 7)
        shown = explain_all(user.id)
    assert (before[Figure.ALLOWANCE].table.start, rows(before[Figure.ALLOWANCE])) == (100_000, [])
    assert rows(shown[Figure.ALLOWANCE]) == [("usage", -7, 99_993)]
    assert rows(shown[Figure.CALLS]) == [("usage", 1, 1)]


def test_what_happened_at_the_instant_of_a_reset_belongs_to_the_period_before(app):
    with time_machine.travel(MONDAY, tick=False):
        user = make_user()
        spend(user, 100)
        token_accounts.reset(user.id, by=OPERATOR, reason="Asked for")
        spend(user, 5)
        shown = explain_all(user.id)
    assert rows(shown[Figure.ALLOWANCE]) == [("usage", -5, 99_995)]
    assert shown[Figure.CALLS].value == 1


def test_a_renewal_that_time_has_brought_and_nobody_has_written_is_explained(app):
    with time_machine.travel(MONDAY, tick=False) as time:
        user = make_user()
        spend(user, 100)
        time.shift(timedelta(days=8))
        shown = explain_all(user.id)
    assert rows(shown[Figure.BALANCE])[0] == ("renewal", 100, 150_000)
    assert rows(shown[Figure.CALLS]) == []


@pytest.mark.parametrize("copied", [0, 50, 120])
def test_a_long_ledger_shows_its_newest_entries_and_the_sum_of_the_others(user, monkeypatch, copied):
    monkeypatch.setattr(explanation, "MOST_ROWS", 5)
    monkeypatch.setattr(account_commit, "COPY_BATCH", 1_000)
    for tokens in range(1, 121):
        spend(user, tokens)
    monkeypatch.setattr(account_commit, "COPY_BATCH", copied)
    if copied:
        account_commit.copy(user.id)
    shown = explain_all(user.id)
    assert [row.amount for row in shown[Figure.LIFETIME_TOKENS].table.rows] == [120, 119, 118, 117, 116]
    assert shown[Figure.LIFETIME_TOKENS].table.older == Older(115, 115 * 116 // 2)
    assert shown[Figure.CALLS].table.older == Older(115, 115)
    assert shown[Figure.ALLOWANCE].table.older == Older(None, 100_000 - 115 * 116 // 2)
    assert shown[Figure.BALANCE].table.older == Older(117, 150_000 - 115 * 116 // 2)


def live_on(user_id: ObjectId, verb: str, times: int, **arguments) -> None:
    """The account does the same so many times more, by the rules, and its ledger has it all."""
    account_commit.drain(user_id)
    stored = get_db().token_accounts.find_one({"_id": user_id})
    account, policy, waiting = from_fields(stored), account_commit.policy(), []
    for _ in range(times):
        operation = Operation(verb, arguments, OPERATOR.stamp(), clock.now())
        account, entries, _due = account_rules.apply(account, operation, policy)
        waiting += entries
    copied = list(numbered(stored, waiting))
    get_db().ledger_entries.insert_many(copied)
    marks = {"entry_count": copied[-1]["seq"], "drained_seq": copied[-1]["seq"], "drained_balance": copied[-1]["after"]}
    get_db().token_accounts.update_one({"_id": user_id}, {"$set": to_fields(account) | marks})


def examined() -> int:
    """How many documents the database has looked at since it was told to take notes."""
    notes = get_db()["system.profile"].find({"ns": {"$regex": r"\.ledger_entries$"}})
    return sum(note.get("docsExamined", 0) for note in notes)


@pytest.fixture
def notes(app: Flask) -> Iterator[Callable[[], None]]:
    """Makes the database take notes of what it examines, from anew."""

    def begin() -> None:
        get_db().command("profile", 0)
        get_db().drop_collection("system.profile")
        get_db().command("profile", 2)

    yield begin
    get_db().command("profile", 0)
    get_db().drop_collection("system.profile")


LONG_LIVES = {
    "all from the allowance": [("spend", 5_000, {"tokens": 7})],
    "nearly all from grants": [("spend", 1, {"tokens": 99_990}), ("spend", 5_000, {"tokens": 3})],
    "grants between bonuses": [
        *[("spend", 1, {"tokens": 100_000}), ("spend", 1_500, {"tokens": 1})],
        *[("add_bonus", 1, {"tokens": 30}), ("spend", 1_500, {"tokens": 4})],
        *[("add_bonus", 1, {"tokens": 50}), ("spend", 1_500, {"tokens": 3})],
    ],
}


@pytest.mark.parametrize("begins", ["with an entry", "without one"])
@pytest.mark.parametrize("life", LONG_LIVES.values(), ids=LONG_LIVES)
def test_however_long_a_period_its_explanations_look_at_few_entries(app, notes, life, begins):
    with time_machine.travel(MONDAY, tick=False) as time:
        user = make_user()
        spend(user, 10)
        if begins == "without one":
            token_accounts.add_bonus(user.id, 10, by=OPERATOR, reason="Sorry")
        time.shift(timedelta(days=7, hours=1))
        for verb, times, arguments in life:
            live_on(user.id, verb, times, **arguments)
        for figure in Figure:
            notes()
            shown = explain(user.id, figure)
            looked_at = examined()
            assert looked_at < 300
            assert looked_at > 0 or figure in (Figure.AVAILABLE, Figure.HELD, Figure.GRANTS)
            check(shown)
            if figure is Figure.ALLOWANCE:
                assert shown.table.rows
    assert next(ledger_verify.verify([user.id])) == (user.id, None)


def test_what_the_allowance_paid_is_found_below_what_grants_paid(app):
    with time_machine.travel(MONDAY, tick=False):
        user = make_user()
        spend(user, 99_990)
        live_on(user.id, "spend", 200, tokens=3)
        live_on(user.id, "add_bonus", 1, tokens=8)
        live_on(user.id, "spend", 200, tokens=5)
        shown = explain_all(user.id)
    assert rows(shown[Figure.ALLOWANCE]) == [
        *[("usage", -3, 0), ("usage", -5, 3), ("bonus", 8, 8)],
        *[("usage", -1, 0), ("usage", -3, 1), ("usage", -3, 4), ("usage", -3, 7), ("usage", -99_990, 10)],
    ]
    assert shown[Figure.ALLOWANCE].table.start == 100_000


def test_the_entries_of_a_grant_are_found_by_an_index_that_plain_spends_are_not_in(user):
    for _ in range(300):
        spend(user, 1)
    account_commit.drain(user.id)
    [grant] = explain(user.id, Figure.GRANTS).grants
    query = {"account": user.id, "seq": {"$gt": 0}, **Choice(sources=frozenset({str(grant.id)})).query()}
    found = get_db().ledger_entries.find(query).sort("seq", -1).explain()["executionStats"]
    assert (found["nReturned"], found["totalDocsExamined"]) == (1, 1)
    assert found["totalKeysExamined"] <= 3


def test_a_grant_that_is_none_or_gone_is_not_found(user):
    spend(user, 150_000)
    for grant in (ObjectId(), ObjectId("0" * 24)):
        with pytest.raises(NotFound):
            explain(user.id, Figure.GRANTS, grant=grant)


@pytest.mark.parametrize("figure", Figure)
def test_nobodys_figures_are_not_found(figure):
    with pytest.raises(NotFound):
        explain(ObjectId(), figure)


# --- random lives -----------------------------------------------------------------------------------------------------


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


def test_every_figure_of_a_random_life_adds_up(lives):
    run_state_machine_as_test(
        lives,
        settings=settings(
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
            max_examples=10,
            stateful_step_count=20,
        ),
    )
