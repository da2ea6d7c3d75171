"""What can be done to a token account: the verbs, with their checks. The rules are in `models/account_rules.py`."""

import json
import logging
import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import pymongo
from bson import ObjectId
from flask import current_app

from app import clock, db, metrics
from app.models import account_rules
from app.models.account import Account, EntryType, GrantSource, Operation, Terms
from app.models.account_rules import LARGEST_AMOUNT
from app.models.actor import Actor
from app.models.domain_error import (
    N_,
    DomainError,
    FieldError,
    Forbidden,
    InvalidInput,
    KeyReused,
    NotFound,
    Unavailable,
)
from app.models.permission import Permission
from app.models.plain_text import plain_text
from app.models.token_account import TokenAccount
from app.services import account_commit, account_group, account_reading, account_short_cut, due, rights
from app.services.account_commit import Outcome, Result

log = logging.getLogger(__name__)

LARGEST_BONUS = 1_000_000
# Of what the ledger says of an entry: a description, or the reason that somebody gave.
LONGEST_DESCRIPTION = 500
DEFAULT_TTL, LARGEST_TTL = 600, 3_600
_KEY = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,208}[\x21-\x7e])?")
_METADATA_NAME = re.compile(r"[A-Za-z0-9_-]{1,50}")
_HOLD_ID = re.compile(r"[0-9a-f]{48}")


def view(user_id: ObjectId) -> Account:
    """The user's account as it is now; reading writes nothing, also where no operation has made the account yet."""
    return account_reading.read(user_id, clock.now())


# --- what the product does --------------------------------------------------------------------------------------------


def spend(
    user_id: ObjectId,
    tokens: int,
    *,
    by: Actor,
    key: str | None = None,
    description: str = "",
    reference: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Outcome:
    """Takes `tokens`, all or nothing; raises `InsufficientTokens` with what is available and when the allowance renews."""
    arguments = {"tokens": amount(tokens)}
    return _do(user_id, "spend", arguments, by, key, description, reference=reference, metadata=_flat(metadata))


def hold(
    user_id: ObjectId,
    tokens: int,
    *,
    by: Actor,
    ttl: int = DEFAULT_TTL,
    key: str | None = None,
    description: str = "",
    reference: Mapping[str, Any] | None = None,
) -> Outcome:
    """Keeps `tokens` from being spent otherwise for `ttl` seconds (1 to 3,600); `Outcome.hold_id` closes it."""
    arguments = {"tokens": amount(tokens), "ttl": _whole(ttl, "ttl_seconds", 1, LARGEST_TTL)}
    return _do(user_id, "hold", arguments, by, key, description, reference=reference)


def settle(
    hold_id: str,
    tokens: int,
    *,
    by: Actor,
    description: str = "",
    reference: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Outcome:
    """Closes a hold and charges what was used; 0 is a release. `Outcome.uncovered` is what the account could not cover."""
    user_id, hold = _hold_parts(hold_id)
    arguments: dict[str, Any] = {"hold": hold}
    verb = "release"
    if tokens != 0 or type(tokens) is not int:
        verb, arguments["tokens"] = "settle", amount(tokens)
    return _do(
        user_id, verb, arguments, by, f"hold:{hold_id}", description, reference=reference, metadata=_flat(metadata)
    )


def release(hold_id: str, *, by: Actor) -> Outcome:
    """Closes a hold and charges nothing."""
    user_id, hold = _hold_parts(hold_id)
    return _do(user_id, "release", {"hold": hold}, by, f"hold:{hold_id}")


# --- what is done to a user's account ---------------------------------------------------------------------------------


def reset(
    user_id: ObjectId, *, by: Actor, reason: str, key: str | None = None, reference: Mapping[str, Any] | None = None
) -> Outcome:
    """Nothing used, and a new period from now; holds and grants stay. The entry's amount is what it gave back."""
    return _do(
        user_id,
        "reset",
        {},
        by,
        key,
        _reason(reason),
        reference=reference,
        action="account.reset",
    )


def add_bonus(user_id: ObjectId, tokens: int, *, by: Actor, reason: str, key: str | None = None) -> Outcome:
    """Lowers what counts as used by `tokens` (1 to 1,000,000), down to 0; what is over becomes a grant."""
    arguments = {"tokens": _whole(tokens, "amount", 1, LARGEST_BONUS)}
    return _do(
        user_id,
        "add_bonus",
        arguments,
        by,
        key,
        _reason(reason),
        action="account.bonus",
    )


def grant(
    user_id: ObjectId,
    tokens: int,
    *,
    source: GrantSource,
    by: Actor,
    reason: str,
    expires_at: datetime | None = None,
    key: str | None = None,
    reference: Mapping[str, Any] | None = None,
) -> Outcome:
    """Gives `tokens` that stay until they are used or expire."""
    arguments = {"tokens": amount(tokens), "source": GrantSource(source).value, "expires_at": expires_at}
    return _do(
        user_id,
        "grant",
        arguments,
        by,
        key,
        _reason(reason),
        reference=reference,
        action="account.grant",
    )


def grant_initial(user_id: ObjectId) -> None:
    """Gives what a confirmed address brings, where the account was opened without it; once, whoever asks how often."""
    if tokens := current_app.config["INITIAL_TOKENS"]:
        # The key may have been used when the setting was another: the account has had its tokens.
        with suppress(KeyReused):
            _submit(user_id, account_rules.initial_grant(tokens, clock.now()))


def revoke(
    user_id: ObjectId, *, undoes: str, by: Actor, reason: str, key: str, reference: Mapping[str, Any] | None = None
) -> Outcome:
    """Takes back what is left of what the entry with the key `undoes` gave; `Outcome.uncovered` is what was gone already."""
    return _do(
        user_id,
        "revoke",
        {"undoes": undoes},
        by,
        key,
        _reason(reason),
        reference=reference,
        action="account.revoke",
    )


def change_tier(
    user_id: ObjectId,
    tier: str,
    *,
    by: Actor,
    reason: str,
    key: str | None = None,
    reference: Mapping[str, Any] | None = None,
) -> Outcome:
    """Puts the account under the terms that the settings give `tier` now; `used` and the period's start stay."""
    return _do(
        user_id,
        "change_tier",
        {"tier": tier},
        by,
        key,
        _reason(reason),
        reference=reference,
        # Not an argument: a repeat of the key must be known again after the settings have changed.
        terms=account_reading.policy().tiers.get(tier),
        action="account.change_tier",
    )


def check_is_not_own(user_id: ObjectId, *, by: Actor) -> None:
    """Raises `Forbidden` where it is the actor's own account that is to be changed."""
    if by.person == str(user_id):
        raise Forbidden(N_("You cannot change your own tokens."))


# --- doing it ---------------------------------------------------------------------------------------------------------


def _do(
    user_id: ObjectId,
    verb: str,
    arguments: Mapping[str, Any],
    by: Actor,
    key: str | None,
    description: str = "",
    *,
    reference: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    terms: Terms | None = None,
    action: str | None = None,
) -> Outcome:
    """Commits one operation, then does what follows from it: copying to the ledger, notices, the audit event."""
    # What a request or an order brings about was decided by who may, and is in its own trail already.
    audited = action is not None and reference is None
    if action is not None:
        check_is_not_own(user_id, by=by)
    if audited:
        rights.check_holds([Permission.USERS_MANAGE], by=by)
    operation = Operation(
        verb,
        arguments,
        by.stamp(),
        clock.now(),
        key=_checked_key(key),
        description=plain_text(description, "description", most=LONGEST_DESCRIPTION),
        reference=reference,
        metadata=metadata,
        terms=terms,
        audit={"action": action, "actor": by.trail(), "reason": description} if audited else None,
    )
    return _submit(user_id, operation)


def _submit(user_id: ObjectId, operation: Operation) -> Outcome:
    try:
        outcome = account_group.submit(user_id, operation, _write)
    except DomainError:
        metrics.operation(operation.verb, "refused")
        raise
    except db.ERRORS as error:
        metrics.operation(operation.verb, "unknown")
        if db.is_unanswered(error):
            raise Unavailable from error
        raise
    if outcome.replayed:
        metrics.operation(operation.verb, "repeated")
    else:
        metrics.operation(operation.verb, "done", -outcome.amount if outcome.type == EntryType.USAGE else 0)
    _follow_up(user_id, outcome)
    return outcome


def _write(user_id: ObjectId, operations: Sequence[Operation]) -> list[Result]:
    """The short cut where all are spends and it holds, else the general write."""
    spends = all(operation.verb == "spend" for operation in operations)
    # All attempts together: others wait in the queue.
    with pymongo.timeout(db.OPERATION_SECONDS):
        return (spends and account_short_cut.spend(user_id, operations)) or account_commit.commit(user_id, operations)


def _follow_up(user_id: ObjectId, outcome: Outcome) -> None:
    """The operation is acknowledged: what fails here, or takes long, is left to the worker, and never undoes it."""
    try:
        with pymongo.timeout(db.OPERATION_SECONDS):
            if outcome.copies:
                account_commit.copy(user_id)
            if outcome.performs:
                due.perform(TokenAccount, user_id)
    except db.ERRORS:
        log.warning("what follows from an operation is left to the worker", exc_info=True)


# --- checks of what comes in ------------------------------------------------------------------------------------------


def amount(value: Any, field: str = "tokens") -> int:
    """`value` if it is a number of tokens, 1 to 1,000,000,000; raises `InvalidInput`."""
    return _whole(value, field, 1, LARGEST_AMOUNT)


def _whole(value: Any, field: str, least: int, most: int) -> int:
    if type(value) is not int:
        raise InvalidInput(errors={field: [N_("Must be a whole number.")]})
    if value < least:
        raise InvalidInput(errors={field: [FieldError(N_("Must be at least %(least)s."), least=least)]})
    if value > most:
        raise InvalidInput(errors={field: [FieldError(N_("Must be at most %(most)s."), most=most)]})
    return value


def _reason(value: Any) -> str:
    return plain_text(value, "reason", least=1, most=LONGEST_DESCRIPTION)


def _checked_key(key: str | None) -> str | None:
    if key is not None and not (isinstance(key, str) and _KEY.fullmatch(key)):
        raise InvalidInput(errors={"key": [N_("Must be 1 to 210 printable ASCII characters.")]})
    return key


def _flat(metadata: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """`metadata` if it is flat: up to 10 names, values text, numbers, true, false or null, 1 kB as JSON."""
    if metadata is None:
        return None
    named = all(isinstance(name, str) and _METADATA_NAME.fullmatch(name) for name in metadata)
    plain = all(_is_plain(value) for value in metadata.values())
    if not named or not plain or len(metadata) > 10 or len(json.dumps(dict(metadata))) > 1_024:
        raise InvalidInput(errors={"metadata": [N_("Up to 10 plain values under simple names, 1 kB in all.")]})
    for value in metadata.values():
        plain_text(str(value), "metadata", most=1_024)
    return metadata


def _is_plain(value: Any) -> bool:
    """Whether it is text, true, false, null, or a number that the database and JSON can hold."""
    if type(value) is int:
        return -(2**63) <= value < 2**63
    return value is None or type(value) in (str, bool) or (type(value) is float and math.isfinite(value))


def _hold_parts(hold_id: str) -> tuple[ObjectId, ObjectId]:
    """The account and the entry that a hold's id names; raises `NotFound` for what is no such id."""
    if not isinstance(hold_id, str) or not _HOLD_ID.fullmatch(hold_id):
        raise NotFound
    return ObjectId(hold_id[:24]), ObjectId(hold_id[24:])
