"""Making, finding and revoking API keys."""

import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from app import clock
from app.models.actor import Actor
from app.models.api_key import KEY_ONLY, SCOPES, SELF, ApiKey
from app.models.audit_event import Action
from app.models.domain_error import N_, AlreadyExists, Forbidden, InvalidInput, NotFound, UserInactive
from app.models.permission import Permission
from app.models.plain_text import plain_line
from app.models.user import User
from app.services import admin_allowlist, audit, due, email_confirmations, rights, users
from app.services.digests import digest

LONGEST_NAME = 100
PREFIX = "tdk_"
SECRET_BYTES = 32
# How much of a secret lists show: 36 of its 256 bits.
SHOWN = len(PREFIX) + 6
USED_EVERY = timedelta(minutes=1)
# Every call with a key waits for this: one question takes half as long as two.
_WITH_OWNER = {
    "$lookup": {"from": User._get_collection_name(), "localField": "owner", "foreignField": "_id", "as": "owners"}
}
_SECRET = re.compile(PREFIX + r"[A-Za-z0-9_-]{43}")


def create(
    owner_id: ObjectId,
    *,
    name: str,
    scopes: Iterable[str],
    by: Actor,
    expires_at: datetime | None = None,
    idempotency_key: str | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its secret, which is told here and nowhere else.

    Raises `InvalidInput` by field, `Forbidden` for a scope that may not be put on it, `UserInactive`, and `AlreadyExists`
    for an `idempotency_key` that has made one: nobody can be told its secret again.
    """
    owner = users.get(owner_id)
    now = clock.now()
    _check_maker(owner, by)
    name = plain_line(name, "name", least=1, most=LONGEST_NAME)
    chosen = _checked_scopes(scopes, owner, by)
    if expires_at is not None and expires_at <= now:
        raise InvalidInput(errors={"expires_at": [N_("Must be in the future.")]})
    secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    api_key = ApiKey(
        id=ObjectId(),
        owner=owner.id,
        name=name,
        prefix=secret[:SHOWN],
        digest=digest(secret),
        scopes=chosen,
        created_at=now,
        created_by=by.stamp(),
        expires_at=expires_at,
    )
    api_key.idempotency_key = idempotency_key or str(api_key.id)
    api_key.due = [_audit(api_key, Action.KEY_CREATE, by, after=_facts(api_key))]
    _insert(api_key)
    due.perform(ApiKey, api_key.id)
    return get(api_key.id), secret


def revoke(key_id: ObjectId, *, by: Actor) -> ApiKey:
    """Ends a key at once; one that was revoked stays as it is."""
    current = get(key_id)
    if by.person != str(current.owner):
        rights.check_manages(by)
    event = _audit(current, Action.KEY_REVOKE, by, before=_facts(current))
    revoked = ApiKey._get_collection().find_one_and_update(
        {"_id": key_id, "revoked_at": None},
        {"$set": {"revoked_at": clock.now()}, "$push": {"due": event}},
        return_document=ReturnDocument.AFTER,
    )
    if revoked is not None:
        due.perform(ApiKey, key_id)
    return get(key_id)


def find(secret: str) -> tuple[ApiKey, User] | None:
    """The live key with this secret and its owner, both ready to act, or None; one read, and at most once a minute a write.

    Raises `UserInactive` where the owner was deactivated.
    """
    # Anything else is nobody's, and not worth a look-up.
    if not _SECRET.fullmatch(secret):
        return None
    now = clock.now()
    found = next(ApiKey._get_collection().aggregate([{"$match": {"digest": digest(secret)}}, _WITH_OWNER]), None)
    owners = found.pop("owners") if found else []
    if not owners:
        return None
    api_key, owner = ApiKey._from_son(found), User._from_son(owners[0])
    if not api_key.is_live(now):
        return None
    if not owner.active:
        raise UserInactive
    api_key.usable = rights.usable_scopes(api_key, owner)
    owner.may_hold_permissions = admin_allowlist.names(owner.email)
    owner.key_scopes = api_key.usable
    if api_key.last_used_at is None or now - api_key.last_used_at >= USED_EVERY:
        seen = {"_id": api_key.id, "last_used_at": api_key.last_used_at}
        # Many calls come at once; only the first of them writes.
        ApiKey._get_collection().update_one(seen, {"$set": {"last_used_at": now}})
    return api_key, owner


def get(key_id: ObjectId) -> ApiKey:
    """The key with this id, live or not; raises `NotFound`."""
    api_key = ApiKey.objects(id=key_id).first()
    if api_key is None:
        raise NotFound(N_("There is no such API key."))
    return api_key


def own(user_id: ObjectId, key_id: str) -> ApiKey:
    """A user's own key; raises `NotFound` for somebody else's, and for what is no id."""
    api_key = ApiKey.objects.of(user_id).filter(id=key_id).first() if ObjectId.is_valid(key_id) else None
    if api_key is None:
        raise NotFound(N_("There is no such API key."))
    return api_key


def page(*, owner: ObjectId | None = None, before: ObjectId | None = None, limit: int = 50) -> list[ApiKey]:
    """Keys, newest first: a user's, or everybody's; the last one's id is `before` of the next page."""
    found = ApiKey.objects.of(owner) if owner else ApiKey.objects
    return list((found.filter(id__lt=before) if before else found).newest_first().limit(limit))


def offered(user: User) -> list[str]:
    """The scopes that a user may put on a key of their own."""
    held = frozenset(permission for permission in Permission if user.has(permission))
    return [scope for scope in SCOPES if _why_not(scope, user, held) is None]


def _check_maker(owner: User, by: Actor) -> None:
    # A key that makes keys would outlive its own end.
    if by.kind != "cli" and (by.kind, by.id) != ("user", str(owner.id)):
        raise Forbidden(N_("Users make their own API keys, signed in; operators make them for others."))
    if not owner.active:
        raise UserInactive
    # A new password does not end keys: whoever registers with the address of another must not keep one.
    if by.kind == "user" and email_confirmations.is_wanted(owner):
        raise Forbidden(email_confirmations.FIRST)


def _checked_scopes(scopes: Iterable[str], owner: User, by: Actor) -> list[str]:
    """The scopes without repeats, in one order."""
    given = set(scopes)
    if not given:
        raise InvalidInput(errors={"scopes": [N_("Choose at least one.")]})
    if given - set(SCOPES):
        raise InvalidInput(errors={"scopes": [N_("There is no such scope.")]})
    chosen = [scope for scope in SCOPES if scope in given]
    held = rights.held(by)
    for scope in chosen:
        if reason := _why_not(scope, owner, held):
            raise Forbidden(reason, scope=scope)
    return chosen


def _why_not(scope: str, owner: User, held: frozenset[str]) -> str | None:
    """Why `scope` may not be put on a key of `owner` by somebody who holds `held`; None where it may."""
    if scope == SELF:
        return None
    if not admin_allowlist.names(owner.email):
        return N_("ADMIN_EMAILS does not name the owner, whose keys may not hold %(scope)s therefore.")
    if scope in KEY_ONLY:
        return None if Permission.USERS_MANAGE in held else N_("Only who manages users may put %(scope)s on a key.")
    if scope not in owner.permissions or scope not in held:
        return N_("A key never does what its owner may not: %(scope)s.")
    return None


def _insert(api_key: ApiKey) -> None:
    api_key.validate()
    try:
        ApiKey._get_collection().insert_one(api_key.to_mongo())
    except DuplicateKeyError:
        raise AlreadyExists(
            N_("This form has made a key already. If you did not copy its secret, revoke the key and make another one.")
        ) from None


def _facts(api_key: ApiKey) -> dict[str, Any]:
    return {"name": api_key.name, "scopes": list(api_key.scopes), "expires_at": api_key.expires_at}


def _audit(api_key: ApiKey, action: Action, by: Actor, **changes: dict[str, Any]) -> dict[str, Any]:
    changed = {"kind": "api_key", "id": str(api_key.id), "owner": str(api_key.owner)}
    return audit.item(f"api_key:{api_key.id}:{action}", action, by=by, changed=changed, **changes)
