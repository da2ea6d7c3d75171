"""The rules of a token account once more, written from their specification alone: plain, slow, and shared with nothing.

Grants and holds are known by the number of the ledger line that made them. Tests compare the real thing with this.
"""

from collections.abc import Mapping
from copy import copy as shallow
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

NEVER = datetime(9999, 12, 31, tzinfo=UTC)
ALLOWANCE = "allowance"
Settings = dict[str, tuple[int, timedelta]]


class RefusalError(Exception):
    """What the account does not do, by the code of its error; `facts` are what the caller is told."""

    def __init__(self, code: str, **facts: Any):
        super().__init__(code)
        self.code, self.facts = code, facts


@dataclass(frozen=True)
class Line:
    """A line of the ledger; `parts` says what came from (or went to) the allowance and each grant."""

    type: str
    amount: int
    at: datetime
    before: int
    after: int
    parts: Mapping[str | int, int]
    key: str | None = None


@dataclass(frozen=True)
class Answer:
    """What the caller of an operation is told, and is told again under the same key."""

    line: int
    amount: int
    available: int
    uncovered: int = 0
    until: datetime | None = None


@dataclass
class Lot:
    """What is left of a grant."""

    line: int
    source: str
    left: int
    at: datetime
    expires: datetime | None


@dataclass
class Model:
    """One account. `settings` gives each tier's limit and period, and may be changed at any time."""

    settings: Settings
    low: int
    tier: str
    initial: int
    limit: int = 0
    length: timedelta = timedelta(0)
    start: datetime | None = None
    used: int = 0
    lots: list[Lot] = field(default_factory=list)
    holds: dict[int, tuple[int, datetime]] = field(default_factory=dict)
    calls: int = 0
    lifetime_calls: int = 0
    lifetime_tokens: int = 0
    last_spend: datetime | None = None
    lines: list[Line] = field(default_factory=list)
    hold_lines: set[int] = field(default_factory=set)
    answers: dict[str, tuple[Any, Answer]] = field(default_factory=dict)
    # (kind, start of the period), and without periods (kind, number of the line).
    told: set[tuple[str, datetime | int]] = field(default_factory=set)

    # --- figures ---

    @property
    def allowance(self) -> int:
        return max(0, self.limit - self.used)

    @property
    def balance(self) -> int:
        return self.allowance + sum(lot.left for lot in self.lots)

    @property
    def held(self) -> int:
        return sum(amount for amount, _ in self.holds.values())

    @property
    def available(self) -> int:
        return max(0, self.balance - self.held)

    @property
    def period_end(self) -> datetime | None:
        return self.start + self.length if self.start and self.length else None

    def events(self) -> list[datetime]:
        """The moments at which time changes something next."""
        moments = [self.period_end, *(lot.expires for lot in self.lots), *(until for _, until in self.holds.values())]
        return sorted(moment for moment in moments if moment)

    def copy(self) -> "Model":
        other = shallow(self)
        other.lots = [shallow(lot) for lot in self.lots]
        for name in ("holds", "lines", "hold_lines", "answers", "told"):
            setattr(other, name, shallow(getattr(self, name)))
        return other

    # --- time ---

    def at(self, now: datetime) -> "Model":
        """The account as it shows itself at `now`; time never runs backwards for it."""
        shown = self.copy()
        shown._open(now)
        shown._pass(max(now, shown.lines[-1].at) if shown.lines else now)
        return shown

    def _open(self, now: datetime) -> None:
        if self.start is not None:
            return
        self.limit, self.length = self.settings[self.tier]
        self.start = now
        if self.limit:
            self._write("renewal", now, {ALLOWANCE: self.limit})
        if self.initial:
            self._give(self.initial, "initial", None, now)
            answer = self._write("grant", now, {len(self.lines) + 1: self.initial}, "initial")
            self.answers["initial"] = (None, answer)

    def _pass(self, at: datetime) -> None:
        self.holds = {line: hold for line, hold in self.holds.items() if hold[1] > at}
        while True:
            begin = self.start
            while self.length and begin + self.length <= at:
                begin += self.length
            coming = [(lot.expires, 0, lot) for lot in self.lots if lot.expires and lot.expires <= at]
            coming += [(begin, 1, None)] if begin != self.start else []
            if not coming:
                return
            moment, _, lot = min(coming, key=lambda event: event[:2])
            if lot is not None:
                self.lots.remove(lot)
                self._write("expiry", moment, {lot.line: -lot.left})
            else:
                before = self.allowance
                self.limit, self.length = self.settings[self.tier]
                self.start, self.used, self.calls = moment, 0, 0
                if self.limit != before:
                    self._write("renewal", moment, {ALLOWANCE: self.limit - before})

    # --- operations ---

    def do(self, now: datetime, verb: str, key: str | None = None, content: Any = None, **arguments: Any) -> Answer:
        """Does one thing or raises `RefusalError` and does nothing; a repeat of `key` must bring the same `content`."""
        after = self.copy()
        after._open(now)
        content = (verb, arguments, content)
        if key in after.answers:
            first, answer = after.answers[key]
            if first != content:
                raise RefusalError("hold_closed" if verb in ("settle", "release") else "idempotency_key_reused")
            return answer
        at = max([now, *(line.at for line in after.lines[-1:])])
        after._pass(at)
        kind, parts, told = getattr(after, f"_{verb}")(at, **arguments)
        freed = told.pop("freed", 0)
        answer = after._write(kind, at, parts, key, **told)
        if key is not None:
            after.answers[key] = (content, answer)
        if kind == "usage":
            after._tell(self.at(at), freed)
        self.__dict__ = after.__dict__
        return answer

    def _write(
        self,
        kind: str,
        at: datetime,
        parts: dict[str | int, int],
        key: str | None = None,
        *,
        uncovered: int = 0,
        until: datetime | None = None,
    ) -> Answer:
        before, last = (self.lines[-1].after, self.lines[-1].at) if self.lines else (0, at)
        amount = sum(parts.values())
        parts = {source: part for source, part in parts.items() if part}
        self.lines.append(Line(kind, amount, max(at, last), before, before + amount, parts, key))
        return Answer(len(self.lines), amount, self.available, uncovered, until)

    def _need(self, tokens: int) -> None:
        if tokens > self.available:
            facts = {"available": self.available, "needed": tokens, "resets_at": self.period_end}
            raise RefusalError("insufficient_tokens", **facts)

    def _take(self, tokens: int, at: datetime) -> dict[str | int, int]:
        parts: dict[str | int, int] = {ALLOWANCE: -min(tokens, self.allowance)}
        self.used -= parts[ALLOWANCE]
        rest = tokens + parts[ALLOWANCE]
        for lot in sorted(self.lots, key=lambda lot: (lot.expires or NEVER, lot.at, lot.line)):
            part = min(rest, lot.left)
            lot.left -= part
            rest -= part
            parts[lot.line] = -part
        assert rest == 0
        self._sweep()
        self.calls += 1
        self.lifetime_calls += 1
        self.lifetime_tokens += tokens
        self.last_spend = at
        return parts

    def _sweep(self) -> None:
        self.lots = [lot for lot in self.lots if lot.left]

    def _give(self, tokens: int, source: str, expires: datetime | None, at: datetime) -> None:
        self.lots.append(Lot(len(self.lines) + 1, source, tokens, at, expires))

    def _spend(self, at: datetime, tokens: int) -> Any:
        self._need(tokens)
        return "usage", self._take(tokens, at), {}

    def _hold(self, at: datetime, tokens: int, ttl: int) -> Any:
        self._need(tokens)
        until = at + timedelta(seconds=ttl)
        self.holds[len(self.lines) + 1] = (tokens, until)
        self.hold_lines.add(len(self.lines) + 1)
        return "hold", {}, {"until": until}

    def _settle(self, at: datetime, hold: int, tokens: int) -> Any:
        if hold not in self.hold_lines:
            raise RefusalError("not_found")
        reserved, _ = self.holds.get(hold, (0, None))
        charged = min(tokens, reserved + self.available, self.balance)
        self.holds.pop(hold, None)
        return "usage", self._take(charged, at), {"uncovered": tokens - charged, "freed": reserved}

    def _release(self, _at: datetime, hold: int) -> Any:
        if hold not in self.hold_lines:
            raise RefusalError("not_found")
        self.holds.pop(hold, None)
        return "release", {}, {}

    def _reset(self, at: datetime) -> Any:
        back = self.limit - self.allowance
        self.used, self.calls, self.start = 0, 0, at
        return "reset", {ALLOWANCE: back}, {}

    def _add_bonus(self, at: datetime, tokens: int) -> Any:
        lowered = min(self.used, self.limit, tokens)
        if lowered:
            self.used = min(self.used, self.limit) - lowered
        if tokens > lowered:
            self._give(tokens - lowered, "bonus", None, at)
        return "bonus", {ALLOWANCE: lowered, len(self.lines) + 1: tokens - lowered}, {}

    def _grant(self, at: datetime, tokens: int, source: str, expires: datetime | None) -> Any:
        if expires is not None and expires <= at:
            raise RefusalError("invalid_input")
        self._give(tokens, source, expires, at)
        return "purchase" if source == "purchase" else "grant", {len(self.lines) + 1: tokens}, {}

    def _revoke(self, _at: datetime, undoes: str) -> Any:
        if undoes not in self.answers:
            raise RefusalError("not_found")
        undone = self.lines[self.answers[undoes][1].line - 1]
        room, parts = self.available, {}
        for source, part in undone.parts.items():
            if source == ALLOWANCE:
                left = self.allowance if undone.at >= self.start else 0
            else:
                left = sum(lot.left for lot in self.lots if lot.line == source)
            parts[source] = -min(max(part, 0), left, room)
            room += parts[source]
        self.used -= parts.get(ALLOWANCE, 0)
        for lot in self.lots:
            lot.left += parts.get(lot.line, 0)
        self._sweep()
        given = sum(part for part in undone.parts.values() if part > 0)
        return "revocation", parts, {"uncovered": given + sum(parts.values())}

    def _change_tier(self, _at: datetime, tier: str) -> Any:
        before = self.allowance
        self.tier = tier
        self.limit, self.length = self.settings[tier]
        return "adjustment", {ALLOWANCE: self.allowance - before}, {}

    def _tell(self, before: "Model", freed: int) -> None:
        """What a user is told after a spend, once a period; what its own hold had reserved was not gone before."""
        period = self.start if self.length else len(self.lines)
        for share in (80, 95, 100):
            if self.limit and before.used * 100 < self.limit * share <= self.used * 100:
                self.told.add((f"allowance_{share}", period))
        if before.available + freed >= self.low > self.available:
            self.told.add(("tokens_low", period))
