"""A user deletes their own account: one write ends it, and what follows erases the person; the books stay.

What stays is what others rely on: the ledger's amounts, what was decided and when, and that somebody did it. Of whom that was,
only an id is left, which names nobody. `personal_erasure` does what follows.
"""

from datetime import timedelta
from typing import Any

from bson import ObjectId

from app import clock
from app.models.actor import Actor
from app.models.audit_event import Action
from app.models.domain_error import N_, Busy, Forbidden, InvalidInput
from app.models.due_item import due_item
from app.models.user import NOBODY, User, search_terms
from app.services import due, own_settings, token_accounts, users

# What the user had begun in another tab, or a program holds tokens for, may still be written when all was erased: after so long
# nothing of it goes on.
AFTERWARDS = timedelta(seconds=token_accounts.LARGEST_TTL) + timedelta(minutes=10)
# What is personal on the user's own document, and goes at once.
GONE = (
    *("phone", "picture_url", "external_id", "password_hash", "email_change", "last_seen_at"),
    *("totp_secret", "totp_step", "digest_at"),
)


def delete(user_id: ObjectId, *, proof: str, by: Actor) -> None:
    """Deletes the account for ever; `proof` is the password, or the e-mail address of whoever has none.

    Raises `InvalidInput` for another `proof`, `TooManyAttempts`, or `Forbidden` for whoever holds a permission.
    """
    user = own_settings.own(user_id, by)
    if user.permissions:
        raise Forbidden(
            N_("You hold permissions here. Ask whoever manages users to take them, then delete your account.")
        )
    if user.password_hash:
        own_settings.check_password(user, proof, field="proof")
    elif proof.strip().lower() != user.email:
        raise InvalidInput(errors={"proof": [N_("This is not your e-mail address.")]})
    as_read = {"_id": user.id, "active": True, "permissions": [], "password_hash": user.password_hash}
    deleted = User._get_collection().update_one(as_read, _update(user))
    if not deleted.matched_count:
        raise Busy
    due.perform(User, user.id)


def _update(user: User) -> dict[str, Any]:
    at, email = clock.now(), f"deleted-{user.id}@deleted.invalid"
    # The name is one of the things that are erased, and so is the address that this came from.
    said = users.audit_item(user, Action.USER_DELETE, by=Actor("user", str(user.id), NOBODY))
    erased = due_item(f"user:{user.id}:erase", "user.erase", at=at, user=user.id)
    again = due_item(f"user:{user.id}:erase-again", "user.erase", at=at + AFTERWARDS, user=user.id)
    return {
        "$set": {
            "active": False,
            "deleted_at": at,
            "email": email,
            "name": "",
            "search": search_terms(email=email),
            "email_confirmed": False,
            "phone_confirmed": False,
            "known_devices": [],
            "recovery_codes": [],
        },
        "$unset": dict.fromkeys(GONE, ""),
        "$inc": {"session_epoch": 1},
        "$push": {"due": {"$each": [erased, said, again]}},
    }
