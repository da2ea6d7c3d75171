"""The rules of a token account: pure functions of an account, an operation and a time. Nothing here reads or writes.

`apply` is the whole of it: what time has brought is entered first, then the operation, then the stored figures are worked out
anew and checked against the entry. `services/account_commit.py` writes what comes out.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId

from app.clock import FAR
from app.models.account import (
    ALLOWANCE,
    Account,
    Change,
    EntryType,
    Grant,
    GrantSource,
    Hold,
    Operation,
    Policy,
    Terms,
)
from app.models.account_notices import noted, told, until_told
from app.models.actor import SYSTEM
from app.models.domain_error import (
    N_,
    BalanceTooLarge,
    InsufficientTokens,
    InvalidInput,
    NotFound,
    TooManyGrants,
    TooManyHolds,
)
from app.models.due_item import due_item

LARGEST_AMOUNT = 1_000_000_000
LARGEST_BALANCE = 2**53 - 1
MOST_HOLDS = 100
MOST_GRANTS = 200

Entry = dict[str, Any]


def apply(account: Account, operation: Operation, policy: Policy) -> tuple[Account, list[Entry], list[dict[str, Any]]]:
    """The account after time and then `operation`, the new entries (the operation's own last), and what is due with them.

    `account` stays as it is; a refusal raises a `DomainError`.
    """
    at = max(operation.at, account.last_entry_at or operation.at)
    stored, before = account, account.copy()
    entries = catch_up(before, at, policy)
    account = before.copy()
    change = VERBS[operation.verb](account, operation, at, **operation.arguments)
    recompute(account, policy)
    if account.balance != before.balance + change.amount:
        raise AssertionError(f"{operation.verb}: {before.balance} + {change.amount} is not {account.balance}")
    account.last_entry_at = at
    entry = _entry(operation, change, at, account.available)
    due = told(account, before, change, policy, entry) if change.type is EntryType.USAGE else []
    due += noted(account, (stored, before), policy, entry)
    if operation.audit is not None:
        due.append(_audited(account, before, operation, at))
    return account, [*entries, entry], due


def _audited(account: Account, before: Account, operation: Operation, at: datetime) -> dict[str, Any]:
    """The audit event of an operation that somebody did to another's account."""

    def figures(one: Account) -> dict[str, Any]:
        return {"tier": one.tier, "limit": one.limit, "used": one.used, "balance": one.balance}

    return due_item(
        f"account:{account.id}:{operation.id}",
        "audit",
        at=at,
        object={"kind": "account", "id": str(account.id)},
        before=figures(before),
        after=figures(account),
        **(operation.audit or {}),
    )


def plain_spend(operation: Operation, at: datetime, available: int = 0) -> Entry:
    """The entry of a spend that `Account.plain_left` covers: what `apply` would append, without the account.

    `available` after it is kept only where the spend has a key.
    """
    return _entry(operation, Change(EntryType.USAGE, allowance=-operation.arguments["tokens"]), at, available)


def _entry(operation: Operation, change: Change, at: datetime, available: int) -> Entry:
    """The ledger entry of an operation; seq, before and after follow from its place (`ledger_entry.numbered`).

    With a key it also has what a repeat is compared with and answered.
    """
    entry = {"_id": operation.id, **_bare_entry(change, at, operation.description, operation.by)}
    if reference := {**(operation.reference or {}), **change.reference}:
        entry["reference"] = reference
    if operation.metadata:
        entry["metadata"] = dict(operation.metadata)
    if change.answer:
        entry["answer"] = change.answer
    if operation.key is not None:
        entry |= {"key": operation.key, "fingerprint": operation.fingerprint(), "available": available}
    return entry


def _bare_entry(change: Change, at: datetime, description: str, by: Mapping[str, str]) -> Entry:
    return {
        "type": change.type.value,
        "amount": change.amount,
        "parts": change.parts(),
        "description": description,
        "by": dict(by),
        "at": at,
    }


# --- the figures that follow from the rest ----------------------------------------------------------------------------


def recompute(account: Account, policy: Policy) -> None:
    """Works out balance, held, available, what is left of the allowance, and when time next changes anything."""
    account.allowance_left = max(0, account.limit - account.used)
    account.balance = account.allowance_left + sum(grant.left for grant in account.grants)
    account.held = sum(hold.amount for hold in account.holds)
    account.available = max(0, account.balance - account.held)
    account.plain_left = min(account.allowance_left, account.available, until_told(account, policy))
    ends = [grant.ends_at for grant in account.grants] + [hold.expires_at for hold in account.holds]
    account.due_at = min([account.period_end or FAR, *ends])


# --- time -------------------------------------------------------------------------------------------------------------


def open_account(
    account_id: ObjectId, terms: Terms, initial: int, policy: Policy, at: datetime
) -> tuple[Account, list[Entry]]:
    """A new account and its first entries: its first period begins at `at`, and the initial grant has the key `initial`."""
    account = Account(account_id, terms.tier, terms.limit, terms.period, period_start=at)
    entries = []
    if terms.limit:
        first = Change(EntryType.RENEWAL, allowance=terms.limit)
        entries.append(_time_entry(account, first, at, "First period"))
    recompute(account, policy)
    if initial:
        account, given, _ = apply(account, initial_grant(initial, at), policy)
        entries += given
    return account, entries


def initial_grant(tokens: int, at: datetime) -> Operation:
    """The grant that an account begins with, or gets later where it began without: once, by its key."""
    arguments = {"tokens": tokens, "source": GrantSource.INITIAL.value, "expires_at": None}
    return Operation("grant", arguments, SYSTEM.stamp(), at, key="initial", description="Initial grant")


def catch_up(account: Account, at: datetime, policy: Policy) -> list[Entry]:
    """Enters what time has brought up to and including `at`, in order of time, an expiry before a renewal at one instant."""
    account.holds = [hold for hold in account.holds if hold.expires_at > at]
    entries: list[Entry] = []
    while True:
        start = _start_of_period_at(account, at)
        expired = min((one for one in account.grants if one.ends_at <= at), key=_burning_order, default=None)
        if expired and (start == account.period_start or expired.ends_at <= start):
            account.grants.remove(expired)
            change = Change(EntryType.EXPIRY, grants={expired.id: -expired.left})
            entries.append(_time_entry(account, change, expired.ends_at, "Expired"))
        elif start != account.period_start:
            change = _renew(account, start, policy)
            if change.amount:
                entries.append(_time_entry(account, change, start, "New period"))
        else:
            break
    recompute(account, policy)
    return entries


def _start_of_period_at(account: Account, at: datetime) -> datetime:
    """The start of the period that `at` lies in: missed periods are skipped, and the grid does not drift."""
    if not account.has_allowance or at < account.period_start:
        return account.period_start
    return account.period_start + (at - account.period_start) // account.period * account.period


def _renew(account: Account, start: datetime, policy: Policy) -> Change:
    """One renewal for all missed periods, under the terms that the tier has now."""
    terms = policy.tiers.get(account.tier) or Terms(account.tier, account.limit, account.period)
    change = Change(EntryType.RENEWAL, allowance=terms.limit - max(0, account.limit - account.used))
    account.limit, account.period, account.period_start = terms.limit, terms.period, start
    account.used = account.period_calls = 0
    return change


def _time_entry(account: Account, change: Change, at: datetime, description: str) -> Entry:
    """An entry that time brought, dated when it fell due but never before the account's last entry."""
    at = account.last_entry_at = max(at, account.last_entry_at or at)
    return {"_id": ObjectId(), **_bare_entry(change, at, description, SYSTEM.stamp())}


# --- operations: each changes the account and says how; a refusal comes before the first change ----------------------


def spend(account: Account, operation: Operation, at: datetime, *, tokens: int) -> Change:
    """Takes `tokens`, all or nothing: the allowance first, then grants, the soonest to expire first."""
    _require(account, tokens)
    change = Change(EntryType.USAGE)
    _burn(account, change, tokens, at)
    return change


def hold(account: Account, operation: Operation, at: datetime, *, tokens: int, ttl: int) -> Change:
    """Reserves `tokens` for `ttl` seconds; the hold's id is the id of its ledger entry."""
    if len(account.holds) >= MOST_HOLDS:
        raise TooManyHolds
    _require(account, tokens)
    expires_at = at + timedelta(seconds=ttl)
    account.holds.append(Hold(operation.id, tokens, at, expires_at))
    return Change(EntryType.HOLD, answer={"tokens": tokens, "expires_at": expires_at})


def settle(account: Account, operation: Operation, at: datetime, *, hold: ObjectId, tokens: int) -> Change:
    """Closes a hold and charges `min(tokens, the hold + available, balance)`; after the hold's end, from what is available."""
    covered = account.available
    freed = _close_hold(account, operation, hold)
    charged = min(tokens, freed + covered, account.balance)
    change = Change(EntryType.USAGE, answer={"uncovered": tokens - charged}, reference={"hold": hold}, freed=freed)
    _burn(account, change, charged, at)
    return change


def release(account: Account, operation: Operation, at: datetime, *, hold: ObjectId) -> Change:
    """Closes a hold and charges nothing."""
    return Change(EntryType.RELEASE, reference={"hold": hold}, freed=_close_hold(account, operation, hold))


def reset(account: Account, operation: Operation, at: datetime) -> Change:
    """Starts a new period now: nothing used, no calls; holds and grants stay."""
    change = Change(EntryType.RESET, allowance=account.limit - account.allowance_left)
    account.used = account.period_calls = 0
    account.period_start = at
    return change


def add_bonus(account: Account, operation: Operation, at: datetime, *, tokens: int) -> Change:
    """Lowers `used`, counted as at most the limit, down to 0; what is over becomes a grant: the balance rises by `tokens`."""
    used = min(account.used, account.limit)
    lowered = min(used, tokens)
    change = Change(EntryType.BONUS, allowance=lowered)
    if tokens > lowered:
        _give(account, change, Grant(operation.id, GrantSource.BONUS, tokens - lowered, tokens - lowered, at))
    if lowered:
        account.used = used - lowered
    return change


def grant(
    account: Account, operation: Operation, at: datetime, *, tokens: int, source: str, expires_at: datetime | None
) -> Change:
    """Adds `tokens` that stay until used or expired."""
    if expires_at is not None and expires_at <= at:
        raise InvalidInput(errors={"expires_at": [N_("Must be in the future.")]})
    change = Change(EntryType.PURCHASE if source == GrantSource.PURCHASE else EntryType.GRANT)
    _give(account, change, Grant(operation.id, source, tokens, tokens, at, expires_at))
    return change


def revoke(account: Account, operation: Operation, at: datetime, *, undoes: str) -> Change:
    """Takes back what is left of the earlier entry with the key `undoes`, at most what is available; says what is missing."""
    if operation.earlier is None:
        raise NotFound
    given = {part["source"]: part["amount"] for part in operation.earlier["parts"] if part["amount"] > 0}
    change = Change(EntryType.REVOCATION, reference={"undoes": operation.earlier["_id"]})
    room = account.available
    # What an entry gave back to the allowance is gone with the period that it gave it back in.
    if operation.earlier["at"] >= account.period_start:
        taken = min(given.get(ALLOWANCE, 0), account.allowance_left, room)
        account.used += taken
        change.allowance = -taken
        room -= taken
    for one in account.grants:
        if taken := min(given.get(str(one.id), 0), one.left, room):
            one.left -= taken
            change.grants[one.id] = -taken
            room -= taken
    _drop_empty(account)
    change.answer = {"uncovered": sum(given.values()) + change.amount}
    return change


def change_tier(account: Account, operation: Operation, at: datetime, *, tier: str) -> Change:
    """Changes tier and limit at once; `used` and the period's start stay."""
    if operation.terms is None:
        raise InvalidInput(errors={"tier": [N_("There is no such tier.")]})
    before = account.allowance_left
    account.tier, account.limit, account.period = tier, operation.terms.limit, operation.terms.period
    return Change(EntryType.ADJUSTMENT, allowance=max(0, account.limit - account.used) - before)


VERBS: dict[str, Callable[..., Change]] = {
    "spend": spend,
    "hold": hold,
    "settle": settle,
    "release": release,
    "reset": reset,
    "add_bonus": add_bonus,
    "grant": grant,
    "revoke": revoke,
    "change_tier": change_tier,
}


def _require(account: Account, tokens: int) -> None:
    if tokens > account.available:
        raise InsufficientTokens(available=account.available, needed=tokens, resets_at=account.period_end)


def _burning_order(grant: Grant) -> tuple[datetime, datetime]:
    """The soonest to expire first, never-expiring ones last, the older first among equals.

    Where even the dates are equal, an account's list decides: it keeps the order of giving, which ids drawn anywhere do not.
    """
    return grant.ends_at, grant.at


def _burn(account: Account, change: Change, tokens: int, at: datetime) -> None:
    """Takes `tokens` that are known to be there, and counts the call."""
    from_allowance = min(tokens, account.allowance_left)
    account.used += from_allowance
    change.allowance = -from_allowance
    rest = tokens - from_allowance
    for one in sorted(account.grants, key=_burning_order):
        if taken := min(rest, one.left):
            one.left -= taken
            change.grants[one.id] = -taken
            rest -= taken
    _drop_empty(account)
    account.period_calls += 1
    account.lifetime_calls += 1
    account.lifetime_tokens += tokens
    account.last_spend_at = at


def _drop_empty(account: Account) -> None:
    """Used-up grants leave the account; the ledger remembers them."""
    account.grants = [grant for grant in account.grants if grant.left]


def _close_hold(account: Account, operation: Operation, hold_id: ObjectId) -> int:
    """Removes an open hold and returns what it held: 0 for one that ended by itself, whose own entry is `operation.earlier`."""
    closed = [one for one in account.holds if one.id == hold_id]
    if not closed and (operation.earlier is None or operation.earlier["type"] != EntryType.HOLD):
        raise NotFound
    account.holds = [one for one in account.holds if one.id != hold_id]
    return sum(one.amount for one in closed)


def _give(account: Account, change: Change, new: Grant) -> None:
    """Adds a grant; where the account is full, a never-expiring one joins the youngest never-expiring one of its source.

    A slot is kept free for a never-expiring grant of each source that has none, so that only expiring ones are ever refused.
    """
    # Any allowance must still fit on top of the grants, whatever tier and period come.
    if sum(one.left for one in account.grants) + new.left > LARGEST_BALANCE - LARGEST_AMOUNT:
        raise BalanceTooLarge
    lasting = [one for one in account.grants if one.expires_at is None]
    peers = [one for one in lasting if one.source == new.source]
    reserved = len(set(GrantSource) - {one.source for one in lasting})
    full = len(account.grants) >= MOST_GRANTS - reserved
    if full and new.expires_at is not None:
        raise TooManyGrants
    if full and peers:
        youngest = max(reversed(peers), key=_burning_order)
        youngest.amount += new.amount
        youngest.left += new.left
        change.grants[youngest.id] = new.left
    else:
        account.grants.append(new)
        change.grants[new.id] = new.left
