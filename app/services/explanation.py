"""Explains each figure of a token account by the figures, entries, grants and holds that make it up.

What explains a figure adds up to it: the terms of its formula, and the lines of its table.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from typing import Self

from bson import ObjectId

from app.models.account import ALLOWANCE, Account, EntryType, Grant, Hold
from app.models.domain_error import N_, NotFound
from app.services import account_moment
from app.services.account_moment import Choice, Entry, Moment
from app.services.ledger import HOLDS

MOST_ROWS = 50
USAGE = Choice(frozenset({EntryType.USAGE}))


class Figure(StrEnum):
    """What can be explained, as addresses name it."""

    AVAILABLE = "available"
    BALANCE = "balance"
    ALLOWANCE = "allowance"
    GRANTS = "grants"
    HELD = "held"
    LIMIT = "limit"
    USED = "used"
    CALLS = "calls"
    LIFETIME_CALLS = "lifetime-calls"
    LIFETIME_TOKENS = "lifetime-tokens"


@dataclass(frozen=True, slots=True)
class Term:
    """One amount of a formula; `name` says what it is, `figure` where it is explained in its turn, `sign` is 1 or -1."""

    name: str
    size: int
    figure: Figure | None = None
    sign: int = 1

    @property
    def amount(self) -> int:
        """What it adds to the formula."""
        return self.sign * self.size

    def __neg__(self) -> Self:
        """The same, taken away."""
        return replace(self, sign=-self.sign)


@dataclass(frozen=True, slots=True)
class Row:
    """An entry, its share of the figure, and what the figure was after it."""

    entry: Entry
    amount: int
    after: int


@dataclass(frozen=True, slots=True)
class Older:
    """What all entries before those that are shown come to, and how many they are; `count` is None where nobody knows."""

    count: int | None
    amount: int


@dataclass(frozen=True, slots=True)
class Table:
    """`rows`, newest first; with all `older` entries, or with what there was at the `start`, they make `total`."""

    rows: Sequence[Row]
    total: int
    older: Older | None
    start: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """What makes up `value`. `grants` are what the table is about, `holds` come with their entries."""

    figure: Figure
    value: int
    account: Account
    terms: Sequence[Term] = ()
    table: Table | None = None
    grants: Sequence[Grant] = ()
    holds: Sequence[tuple[Hold, Entry]] = ()


def explain(user_id: ObjectId, figure: Figure, *, grant: ObjectId | None = None) -> Explanation:
    """The user's `figure` as it is now, of one grant where `grant` names it; raises `NotFound` for a grant that is none."""
    moment = account_moment.take(user_id)
    account = moment.account
    if figure is Figure.GRANTS:
        # Where no operation has made the account yet, its grants have other ids at each look, so none can be named.
        return _grants(moment, _chosen(account.grants, grant) if grant and moment.is_stored else account.grants)
    value = _value(account, figure)
    if figure is Figure.HELD:
        return Explanation(figure, value, account, holds=_holds(moment))
    return Explanation(figure, value, account, _terms(account, figure), _table(moment, figure))


def named(user_id: ObjectId, figure: str, grant: str | None) -> Explanation:
    """As `explain`, by the names that an address has; raises `NotFound` for what names nothing."""
    if figure not in list(Figure) or (grant and not ObjectId.is_valid(grant)):
        raise NotFound
    return explain(user_id, Figure(figure), grant=ObjectId(grant) if grant else None)


def _chosen(grants: Sequence[Grant], wanted: ObjectId) -> list[Grant]:
    if found := [one for one in grants if one.id == wanted]:
        return found
    raise NotFound(
        N_("There is no such grant. Used-up and expired ones leave the account; the history remembers them.")
    )


def _value(account: Account, figure: Figure) -> int:
    return {
        Figure.AVAILABLE: account.available,
        Figure.BALANCE: account.balance,
        Figure.ALLOWANCE: account.allowance_left,
        Figure.HELD: account.held,
        Figure.LIMIT: account.limit,
        Figure.USED: account.used,
        Figure.CALLS: account.period_calls,
        Figure.LIFETIME_CALLS: account.lifetime_calls,
        Figure.LIFETIME_TOKENS: account.lifetime_tokens,
    }[figure]


def _terms(account: Account, figure: Figure) -> list[Term]:
    """The figure as a sum of others; empty where only entries make it up."""
    limit, used = Term("limit", account.limit, Figure.LIMIT), Term("used", account.used, Figure.USED)
    left = Term("allowance", account.allowance_left, Figure.ALLOWANCE)
    # What a lower tier leaves used beyond its limit, and held beyond a balance from which a grant has expired.
    beyond = max(0, account.used - account.limit)
    uncovered = max(0, account.held - account.balance)
    terms = {
        Figure.AVAILABLE: [
            Term("balance", account.balance, Figure.BALANCE),
            -Term("held", account.held, Figure.HELD),
            Term("uncovered", uncovered),
        ],
        Figure.BALANCE: [left, Term("grants", account.balance - account.allowance_left, Figure.GRANTS)],
        Figure.ALLOWANCE: [limit, -used, Term("beyond", beyond)],
        Figure.LIMIT: [used, left, -Term("beyond", beyond)],
        Figure.USED: [limit, -left, Term("beyond", beyond)],
    }
    # Those two stand in a formula only where there is something of them; each other term also where it is 0.
    return [term for term in terms.get(figure, ()) if term.size or term.figure]


def _table(moment: Moment, figure: Figure) -> Table | None:
    """The entries that made the figure; None where only other figures do."""
    account = moment.account
    if figure is Figure.BALANCE:
        return _all_entries(moment)
    if figure in (Figure.ALLOWANCE, Figure.LIMIT, Figure.USED):
        return _allowance(moment)
    if figure is Figure.CALLS:
        return _counted(moment, account.period_calls)
    if figure is Figure.LIFETIME_CALLS:
        return _counted(moment, account.lifetime_calls)
    if figure is Figure.LIFETIME_TOKENS:
        entries = moment.newest(USAGE, MOST_ROWS)
        count = account.lifetime_calls - len(entries)
        return _with_rows(entries, [-entry["amount"] for entry in entries], account.lifetime_tokens, older=count)
    return None


def _all_entries(moment: Moment) -> Table:
    """Every entry moved the balance."""
    entries = moment.newest(Choice(frozenset(EntryType) - HOLDS), MOST_ROWS)
    older = entries[-1]["seq"] - 1 if len(entries) == MOST_ROWS else 0
    return _with_rows(entries, [entry["amount"] for entry in entries], moment.account.balance, older=older)


def _allowance(moment: Moment) -> Table:
    """What the period began with and each entry's part of the allowance since; of a long period, the newest entries."""
    found = list(islice(moment.allowance_changes(moment.before_period()), MOST_ROWS + 1))
    return _parts(found, Choice(sources=frozenset({ALLOWANCE})), moment.account.allowance_left)


def _counted(moment: Moment, calls: int) -> Table:
    """The newest `calls` of usage, each of which counts 1."""
    entries = moment.newest(USAGE, min(calls, MOST_ROWS))
    return _with_rows(entries, [1] * len(entries), calls, older=calls - len(entries))


def _grants(moment: Moment, grants: Sequence[Grant]) -> Explanation:
    """What was given to these grants, what was taken from them, and by which entries."""
    left, given = sum(one.left for one in grants), sum(one.amount for one in grants)
    table = None
    if grants:
        chosen = Choice(sources=frozenset(str(one.id) for one in grants))
        table = _parts(moment.newest(chosen, MOST_ROWS + 1), chosen, left)
    terms = [Term("given", given), -Term("taken", given - left)]
    return Explanation(Figure.GRANTS, left, moment.account, terms, table, grants=grants)


def _parts(found: Sequence[Entry], chosen: Choice, total: int) -> Table:
    """The entries' shares of the figure, of all `found` but one too many; how many the older ones are, nobody counts."""
    entries = found[:MOST_ROWS]
    shares = [chosen.share(entry) for entry in entries]
    return _with_rows(entries, shares, total, older=None if len(found) > MOST_ROWS else 0)


def _with_rows(entries: Sequence[Entry], shares: Sequence[int], total: int, *, older: int | None) -> Table:
    """The ledger proves that what is stored is the sum of its entries: what these lack of it, the `older` ones did."""
    rows, after = [], total
    for entry, share in zip(entries, shares, strict=True):
        rows.append(Row(entry, share, after))
        after -= share
    return Table(rows, total, Older(older, after) if older != 0 else None, start=after if older == 0 else 0)


def _holds(moment: Moment) -> list[tuple[Hold, Entry]]:
    """The open holds with their entries, which say what for; the first to end first."""
    holds = sorted(moment.account.holds, key=lambda hold: hold.expires_at)
    entries = moment.by_ids({hold.id for hold in holds})
    return [(hold, entries[hold.id]) for hold in holds]
