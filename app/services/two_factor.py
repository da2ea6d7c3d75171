"""Two-factor sign-in: turning it on and off, new recovery codes, and who must have it. `two_factor_codes` checks codes."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from bson import ObjectId
from flask import current_app
from pymongo import ReturnDocument

from app import clock
from app.models.actor import Actor
from app.models.audit_event import Action
from app.models.domain_error import N_, AlreadyExists, Busy, Forbidden, NotFound, TwoFactorNeeded, WrongCode
from app.models.user import User
from app.services import (
    due,
    email_confirmations,
    login_sessions,
    own_settings,
    rights,
    sealed,
    security_notices,
    signed_tokens,
    two_factor_codes,
    users,
)
from app.services.digests import digest
from app.services.security_notices import What

PURPOSE, PROOF = "two-factor setup", "two-factor proof"
# How long the pages with the QR code and with recovery codes stay good.
SETUP = timedelta(hours=1)
# Where attempts of somebody who is signed in are counted.
SIGNED_IN = "signed in"
GONE = {"totp_secret": "", "totp_step": "", "recovery_codes": ""}


def is_missing(user: User) -> bool:
    """Whether the user must set it up before anything else."""
    return bool(current_app.config["REQUIRE_TWO_FACTOR"] and user.has_any_permission and not user.has_two_factor)


def must_stay_on(user: User) -> bool:
    """Whether the user may not turn it off."""
    return bool(current_app.config["REQUIRE_TWO_FACTOR"] and user.permissions)


def why_not(user: User) -> str | None:
    """Why the user cannot have it; None where they can."""
    if not user.password_hash:
        return N_("You sign in without a password, so there is no second step to it.")
    # Whoever registers with the address of another must not keep its owner out of what a new password gives them.
    if email_confirmations.is_wanted(user):
        return email_confirmations.FIRST
    return None


def begin(user: User) -> str:
    """A new secret for `turn_on`, signed for this user. Nothing is kept of it yet."""
    return signed_tokens.sign([str(user.id), two_factor_codes.new_secret()], purpose=PURPOSE)


def secret_of(setup: str, user: User) -> str | None:
    """The secret that `begin` has made for this user, as long as it is good."""
    user_id, secret = signed_tokens.read(setup, purpose=PURPOSE, lifetime=SETUP) or (None, None)
    return secret if user_id == str(user.id) else None


def prove(user_id: ObjectId, *, setup: str, code: str, password: str, by: Actor) -> tuple[str, list[str]]:
    """What `turn_on` takes, and the recovery codes that count from then on. Nothing is kept yet.

    So whoever loses the page that shows the codes, by a second click or a broken line, has lost nothing.
    `code` shows that the app has the secret, `password` that it is not somebody at the user's desk who would lock them out.
    Raises `WrongCode`, `AlreadyExists` where it is on, `Forbidden` where `why_not` says so, or as `own_settings.check_password`.
    """
    user = _own(user_id, by)
    if user.has_two_factor:
        raise AlreadyExists(N_("Two-factor sign-in is on already."))
    if reason := why_not(user):
        raise Forbidden(reason)
    own_settings.check_password(user, password)
    app = _new_app(user, setup, code)
    codes = two_factor_codes.new_recovery_codes()
    return _proof(user, codes, app), codes


def turn_on(user_id: ObjectId, *, proof: str, by: Actor) -> User:
    """Asks for a code at each sign-in from now on, and ends all sessions; `proof` is what `prove` gave, good for an hour.

    Raises `WrongCode` where that has ended, by time or with the sessions of then, and `AlreadyExists` where it is on.
    """
    user = _own(user_id, by)
    if user.has_two_factor:
        raise AlreadyExists(N_("Two-factor sign-in is on already."))
    hashes, app = _proven(user, proof)
    guard = {"totp_secret": None, "session_epoch": user.session_epoch, "active": True}
    follows = _follows(user, Action.USER_TURN_ON_TWO_FACTOR, What.TWO_FACTOR_ON, by)
    update = {"$set": {**app, "recovery_codes": hashes}, "$inc": {"session_epoch": 1}, **follows}
    return _write(user, guard, update)


def replace_app(user_id: ObjectId, *, setup: str, code: str, present: str, by: Actor) -> User:
    """Takes codes of another app from now on, and of the one so far no more; `present` is one of the latter, or for recovery.

    There is no moment without a second step. Raises `WrongCode` with the field in `errors`, `TooManyAttempts`, or `NotFound`
    where it is off.
    """
    user = _own(user_id, by)
    app = _new_app(user, setup, code)
    try:
        _accept(user, present, by)
    except WrongCode as error:
        raise WrongCode(errors={"present": [error.text]}) from None
    follows = _follows(user, Action.USER_REPLACE_TWO_FACTOR_APP, What.TWO_FACTOR_APP, by)
    return _write(user, _as_read(user), {"$set": app, **follows})


def new_recovery_codes(user_id: ObjectId, *, code: str, by: Actor) -> tuple[str, list[str]]:
    """What `replace_recovery_codes` takes, and the codes; the old ones count until then. Raises as `two_factor_codes.accept`."""
    user = _own(user_id, by)
    _accept(user, code, by)
    codes = two_factor_codes.new_recovery_codes()
    return _proof(users.get(user.id), codes), codes


def replace_recovery_codes(user_id: ObjectId, *, proof: str, by: Actor) -> User:
    """Makes the old ones worthless; twice is once. Raises `WrongCode` where `proof` has ended, or an old code was used since."""
    user = _own(user_id, by)
    hashes, _app = _proven(user, proof)
    if user.recovery_codes == hashes:
        return user
    follows = _follows(user, Action.USER_RENEW_RECOVERY_CODES, What.RECOVERY_CODES, by)
    as_read = {**_as_read(user), "recovery_codes": user.recovery_codes}
    return _write(user, as_read, {"$set": {"recovery_codes": hashes}, **follows})


def turn_off(user_id: ObjectId, *, code: str, by: Actor) -> User:
    """Asks for no code any more; raises `TwoFactorNeeded` where the user must have it, else as `two_factor_codes.accept`."""
    user = _own(user_id, by)
    if must_stay_on(user):
        raise TwoFactorNeeded(N_("Users with permissions need two-factor sign-in here, so it stays on."))
    _accept(user, code, by)
    follows = _follows(user, Action.USER_TURN_OFF_TWO_FACTOR, What.TWO_FACTOR_OFF, by)
    return _write(user, _as_read(user), {"$unset": GONE, **follows})


def reset(user_id: ObjectId, *, by: Actor) -> User:
    """Turns it off for somebody who lost app and recovery codes, and ends all their sessions.

    Raises `Forbidden` where `by` does not manage users or holds less than the user, `NotFound` where it is off.
    """
    user = users.get(user_id)
    rights.check_manages(by, other_than=user)
    rights.check_holds(user.permissions, by=by)
    if not user.has_two_factor:
        raise NotFound(N_("Two-factor sign-in is off."))
    follows = _follows(user, Action.USER_TURN_OFF_TWO_FACTOR, What.TWO_FACTOR_OFF, by)
    return _write(user, _as_read(user), {"$unset": GONE, "$inc": {"session_epoch": 1}, **follows})


def _own(user_id: ObjectId, by: Actor) -> User:
    """The user, who alone decides about it, and not by a key: that would outlive its own end."""
    user = users.get(user_id)
    if by.kind != "user" or by.id != str(user.id):
        raise Forbidden
    return user


def _accept(user: User, code: str, by: Actor) -> None:
    if not user.has_two_factor:
        raise NotFound(N_("Two-factor sign-in is off."))
    two_factor_codes.accept(user, code, where=SIGNED_IN, by=by)


def _new_app(user: User, setup: str, code: str) -> dict[str, Any]:
    """What is kept of an app that has the secret of `setup`, which `code` shows; raises `WrongCode` with the field."""
    secret = secret_of(setup, user)
    if secret is None:
        raise WrongCode(N_("This page was open for too long. Scan the new code and try again."))
    try:
        step = two_factor_codes.step_of(secret, code)
    except WrongCode as error:
        raise WrongCode(errors={"code": [error.text]}) from None
    return {"totp_secret": sealed.seal(secret, of=str(user.id)), "totp_step": step}


def _proof(user: User, codes: list[str], app: Mapping[str, Any] | None = None) -> str:
    """Signed for this user, as they are now: whatever changes that is part of it makes it worthless."""
    return signed_tokens.sign([str(user.id), _state(user), codes, dict(app or {})], purpose=PROOF)


def _proven(user: User, proof: str) -> tuple[list[str], dict[str, Any]]:
    """What is kept of the codes and the app of a proof that is still good for this user; raises `WrongCode`."""
    user_id, state, codes, app = signed_tokens.read(proof, purpose=PROOF, lifetime=SETUP) or (None, None, [], {})
    hashes = [two_factor_codes.recovery_hash(user.id, code) for code in codes]
    is_done = bool(hashes) and user.recovery_codes == hashes
    if user_id != str(user.id) or not (is_done or state == _state(user)):
        raise WrongCode(N_("This page was open for too long, or something has changed since. Begin again."))
    return hashes, app


def _state(user: User) -> list[Any]:
    return [user.session_epoch, digest(f"{user.totp_secret} {user.recovery_codes}")]


def _follows(user: User, action: Action, what: What, by: Actor) -> dict[str, Any]:
    told = security_notices.item(user, what, at=clock.now())
    return {"$push": {"due": {"$each": [users.audit_item(user, action, by=by), told]}}}


def _as_read(user: User) -> dict[str, Any]:
    return {"totp_secret": user.totp_secret}


def _write(user: User, guard: Mapping[str, Any], update: Mapping[str, Any]) -> User:
    """The one write; raises `Busy` where somebody else was quicker. Sessions of an older epoch are swept away."""
    changed = User._get_collection().find_one_and_update(
        {"_id": user.id, **guard}, update, return_document=ReturnDocument.AFTER
    )
    if changed is None:
        raise Busy
    login_sessions.sweep(user.id, before_epoch=changed["session_epoch"])
    due.perform(User, user.id)
    # As this write left them: a session started for them ends with whatever ends sessions after it.
    return User._from_son(changed)
