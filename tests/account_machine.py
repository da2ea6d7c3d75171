"""Random lives of one token account, told to the plain model and to the real thing alike."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from app.models.account import Account
from tests.account_model import ALLOWANCE, Answer, Model, RefusalError

# A leap day, a change of the year and one of the clocks in many places lie ahead.
START = datetime(2028, 2, 28, 23, 59, 59, 999_000, tzinfo=UTC)
LOW = 200
TERMS = {(limit, days) for limit in (400, 1_000) for days in (1, 3, 7)} | {(0, 0)}
BEGIN = {"free": (1_000, 7), "pro": (3_000, 1), "prepaid": (0, 0)}
# No verb takes more; what comes in is checked elsewhere.
MOST_AT_ONCE = 1_000_000
MILLISECOND = timedelta(milliseconds=1)

SIZES = st.one_of(
    st.integers(1, 60),
    st.sampled_from(
        ["available", "available + 1", "allowance", "allowance + 1", "half", "balance", "low", "80%", "95%"]
    ),
)
TEXTS = st.sampled_from(["", "Chat answer", "$inc", "$used", "Приве́т ☃"])
KEYED = st.booleans()


class AccountMachine(RuleBasedStateMachine):
    """What may happen to an account. A subclass says how the real thing does it, and compares."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.attempts: list[dict[str, Any]] = []

    @initialize(tier=st.sampled_from(sorted(BEGIN)), initial=st.sampled_from([0, 500]))
    def begin(self, tier: str, initial: int) -> None:
        settings = {name: (limit, timedelta(days=days)) for name, (limit, days) in BEGIN.items()}
        self.model = Model(settings, LOW, tier, initial)
        self.set_up(tier, initial)

    def set_up(self, tier: str, initial: int) -> None:
        """Makes the real account, or what it will be made from."""

    def step(self, verb: str, *, key: str | None = None, content: str = "", **arguments: Any) -> None:
        """Does one thing, in the model and really, and compares the answers."""
        raise NotImplementedError

    def attempt(self, verb: str, keyed: bool, **arguments: Any) -> None:
        key = f"key-{len(self.attempts)}" if keyed else None
        if key:
            self.attempts.append({"verb": verb, "key": key, **arguments})
        self.step(verb, key=key, **arguments)

    def tokens(self, size: int | str) -> int:
        now = self.model.at(self.now)
        sizes = {
            "available": now.available,
            "available + 1": now.available + 1,
            "allowance": now.allowance,
            "allowance + 1": now.allowance + 1,
            "half": now.available // 2,
            "balance": now.balance,
            "low": now.available - LOW,
            "80%": now.limit * 8 // 10 - now.used,
            "95%": now.limit * 95 // 100 - now.used,
        }
        return min(max(1, size if isinstance(size, int) else sizes[size]), MOST_AT_ONCE)

    # --- operations ---

    @rule(size=SIZES, content=TEXTS, keyed=KEYED)
    def spend(self, size: int | str, content: str, keyed: bool) -> None:
        self.attempt("spend", keyed, tokens=self.tokens(size), content=content)

    @rule(size=SIZES)
    def spend_plainly(self, size: int | str) -> None:
        self.attempt("spend", False, tokens=self.tokens(size))

    @rule(size=SIZES, ttl=st.sampled_from([1, 60, 600, 3_600]), keyed=KEYED)
    def hold(self, size: int | str, ttl: int, keyed: bool) -> None:
        self.attempt("hold", keyed, tokens=self.tokens(size), ttl=ttl)

    @precondition(lambda self: self.model.hold_lines)
    @rule(which=st.integers(0, 5), size=st.one_of(st.just(0), SIZES, st.just("held")), content=TEXTS)
    def settle(self, which: int, size: int | str, content: str) -> None:
        line = sorted(self.model.hold_lines)[-1 - which % len(self.model.hold_lines)]
        if size == 0:
            self.step("release", key=f"hold:{line}", hold=line)
            return
        tokens = self.model.holds.get(line, (30, None))[0] if size == "held" else self.tokens(size)
        self.step("settle", key=f"hold:{line}", content=content, hold=line, tokens=tokens)

    @precondition(lambda self: self.model.hold_lines)
    @rule(which=st.integers(0, 5))
    def release(self, which: int) -> None:
        line = sorted(self.model.hold_lines)[-1 - which % len(self.model.hold_lines)]
        self.step("release", key=f"hold:{line}", hold=line)

    @rule(keyed=KEYED)
    def reset(self, keyed: bool) -> None:
        self.attempt("reset", keyed, content="Asked for")

    @rule(size=SIZES, keyed=KEYED)
    def add_bonus(self, size: int | str, keyed: bool) -> None:
        self.attempt("add_bonus", keyed, tokens=self.tokens(size), content="Sorry")

    @rule(
        size=SIZES,
        source=st.sampled_from(["purchase", "beta", "bonus", "adjustment"]),
        days=st.sampled_from([None, 1, 7, 14, -1, 0]),
        keyed=KEYED,
    )
    def grant(self, size: int | str, source: str, days: int | None, keyed: bool) -> None:
        expires = None if days is None else self.now + timedelta(days=days)
        self.attempt("grant", keyed, tokens=self.tokens(size), source=source, expires=expires, content="Bought")

    @precondition(lambda self: self.attempts)
    @rule(which=st.integers(0, 9))
    def revoke(self, which: int) -> None:
        undoes = self.attempts[-1 - which % len(self.attempts)]["key"]
        # What is undone twice under different keys is not specified.
        self.step("revoke", key=f"undo-{undoes}", undoes=undoes, content="Refunded")

    @rule(tier=st.sampled_from(sorted(BEGIN)), keyed=KEYED)
    def change_tier(self, tier: str, keyed: bool) -> None:
        self.attempt("change_tier", keyed, tier=tier, content="Upgrade")

    # --- time and settings ---

    @rule(
        seconds=st.sampled_from(
            [0.001, 1, 59, 3_600, 86_400, 8 * 86_400, 31 * 86_400, 400 * 86_400, -0.001, -5, -90_000]
        ),
    )
    def time_passes(self, seconds: float) -> None:
        self.go_to(self.now + timedelta(seconds=seconds))

    @rule(offset=st.sampled_from([-1, 0, 1]))
    def something_falls_due(self, offset: int) -> None:
        if events := self.model.at(self.now).events():
            self.go_to(events[0] + offset * MILLISECOND)

    def go_to(self, moment: datetime) -> None:
        self.now = moment

    @rule(tier=st.sampled_from(sorted(BEGIN)), terms=st.sampled_from(sorted(TERMS)))
    def settings_change(self, tier: str, terms: tuple[int, int]) -> None:
        # The model's own copies share these settings with it.
        self.model.settings[tier] = (terms[0], timedelta(days=terms[1]))


# --- saying the same of both ------------------------------------------------------------------------------------------


def facts_of_model(model: Model) -> dict[str, Any]:
    """The model in words that `facts_of_account` uses too."""
    return {
        "figures": (model.balance, model.held, model.available, model.allowance),
        "terms": (model.tier, model.limit, model.length, model.start, model.used),
        "counted": (model.calls, model.lifetime_calls, model.lifetime_tokens, model.last_spend),
        "grants": sorted((lot.line, lot.source, lot.left, lot.at, lot.expires) for lot in model.lots),
        "holds": dict(model.holds),
    }


def facts_of_account(account: Account, lines: Mapping[str, int]) -> dict[str, Any]:
    """The account in words that `facts_of_model` uses too; `lines` numbers the entries by id."""
    return {
        "figures": (account.balance, account.held, account.available, account.allowance_left),
        "terms": (account.tier, account.limit, account.period, account.period_start, account.used),
        "counted": (account.period_calls, account.lifetime_calls, account.lifetime_tokens, account.last_spend_at),
        "grants": sorted((lines[str(one.id)], one.source, one.left, one.at, one.expires_at) for one in account.grants),
        "holds": {lines[str(one.id)]: (one.amount, one.expires_at) for one in account.holds},
    }


def compare_entries(entries: list[dict[str, Any]], model: Model, lines: Mapping[str, int]) -> None:
    """Fails unless the entries say what the model's lines say."""
    said = [
        (
            entry["type"],
            entry["amount"],
            entry["at"],
            {
                part["source"] if part["source"] == ALLOWANCE else lines[part["source"]]: part["amount"]
                for part in entry["parts"]
            },
        )
        for entry in entries
    ]
    assert said == [(line.type, line.amount, line.at, line.parts) for line in model.lines]


def notice_keys(account_id: ObjectId, model: Model, ids: Mapping[int, ObjectId]) -> set[str]:
    """The keys of the notices that the model says a user gets; `ids` gives each line's entry."""
    return {
        f"account:{account_id}:{ids[period] if isinstance(period, int) else round(period.timestamp() * 1000)}:{kind}"
        for kind, period in model.told
    }


def outcome_of(call: Callable[[], Any]) -> Answer | tuple[str, dict[str, Any]]:
    """What the model answers, or the code and the facts of its refusal."""
    try:
        return call()
    except RefusalError as refusal:
        return refusal.code, refusal.facts
