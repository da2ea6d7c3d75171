"""Another e-mail address for a user: it counts when a link that was sent to it has shown that it is theirs.

What was asked for is kept on the user; the link fits it alone, and whatever ends the user's sessions ends it too. Whether
somebody else has the address is said only to whoever opens the link, which is to say to its owner.
"""

from datetime import timedelta
from typing import Any

from bson import ObjectId
from flask import current_app
from limits import RateLimitItemPerHour
from pymongo.errors import DuplicateKeyError

from app import clock, rate_limits
from app.models.actor import Actor
from app.models.audit_event import Action
from app.models.domain_error import N_, Busy, Forbidden, InvalidInput, LinkUnusable
from app.models.user import User, search_terms
from app.services import admin_allowlist, attempts, deliveries, due, own_settings, signed_tokens, user_changes, users

PURPOSE = "e-mail change"
LIFETIME, JUST_NOW = timedelta(days=1), timedelta(minutes=1)
# Links that one user can have sent to the addresses of others.
LINKS_AN_HOUR = RateLimitItemPerHour(5)


def ask(user_id: ObjectId, email: str, *, password: str, by: Actor) -> User:
    """Sends a link to the new address; a second one takes the place of the first, but for a second click on the same form.

    Raises `InvalidInput` by field, `Forbidden` where no mail is sent, or as `own_settings.check_password`.
    """
    if not current_app.config["MAIL_SERVER"]:
        raise Forbidden(N_("No mail is sent from here, so a new address cannot be confirmed."))
    user = own_settings.own(user_id, by)
    email = users.normalised_email(email)
    if email == user.email:
        raise InvalidInput(errors={"email": [N_("This is your address already.")]})
    if user.permissions and not admin_allowlist.names(email):
        raise InvalidInput(errors={"email": [N_("ADMIN_EMAILS does not name this address, so it may hold no role.")]})
    own_settings.check_password(user, password)
    if (last := waiting(user)) and last["address"] == email and clock.now() - last["at"] < JUST_NOW:
        return user
    attempts.count(LINKS_AN_HOUR, "e-mail change", str(user.id))
    change = {"id": ObjectId(), "address": email, "at": clock.now(), "epoch": user.session_epoch}
    token = signed_tokens.sign([str(user.id), str(change["id"]), email], purpose=PURPOSE)
    mail = deliveries.mail_item(
        f"email_change:{change['id']}",
        user=user.id,
        template="email_change",
        values={"token": token},
        address=email,
        at=change["at"],
    )
    as_read = {"_id": user.id, "active": True, "session_epoch": user.session_epoch, "email": user.email}
    asked = User._get_collection().update_one(as_read, {"$set": {"email_change": change}, "$push": {"due": mail}})
    if not asked.matched_count:
        raise Busy
    due.perform(User, user.id)
    return users.get(user.id)


def waiting(user: User) -> dict[str, Any] | None:
    """The change that waits for its link to be opened, if any: `address` and `at`."""
    change: dict[str, Any] | None = user.email_change
    if not change or change["epoch"] != user.session_epoch or clock.now() - change["at"] > LIFETIME:
        return None
    return change


def cancel(user_id: ObjectId, *, by: Actor) -> None:
    """Makes the link worthless."""
    user = own_settings.own(user_id, by)
    User._get_collection().update_one({"_id": user.id}, {"$unset": {"email_change": ""}})


def find(token: str) -> User:
    """Whose waiting change the link is for, or was; raises `LinkUnusable`. Nothing is changed."""
    user_id, change_id, email = signed_tokens.read(token, purpose=PURPOSE, lifetime=LIFETIME) or (None, None, None)
    user = User.objects.active().filter(id=user_id).first() if user_id else None
    change = waiting(user) if user else None
    if user is None or not (user.email == email or (change and str(change["id"]) == change_id)):
        raise LinkUnusable
    return user


def was_used(token: str, user: User) -> bool:
    """Whether the user, whom `find` has given, has the address by now, as after a second click."""
    return str(user.email) == signed_tokens.read(token, purpose=PURPOSE, lifetime=LIFETIME)[2]


def confirm(token: str, *, address: str, request_id: str | None = None) -> User:
    """Gives the user the address, and tells the old one; twice is once. Raises as `find`, or `AlreadyExists`."""
    attempts.count(attempts.few(), "e-mail change", rate_limits.network(address))
    user = find(token)
    if was_used(token, user):
        return user
    email = user.email_change["address"]
    by = Actor("user", str(user.id), user.display_name, address, request_id)
    # The trail outlives the person: it says that the address changed, not what it is.
    said = users.audit_item(user, Action.USER_CHANGE_EMAIL, by=by, after={"email_confirmed": True})
    told = deliveries.mail_item(
        f"{said['key']}:old", user=user.id, template="email_changed", address=user.email, at=said["at"]
    )
    items = [said, told, *([] if user.email_confirmed else user_changes.initial_items(user, at=said["at"]))]
    terms = search_terms(email=email, name=user.name, phone=user.phone, external_id=user.external_id)
    as_read = {field: user[field] for field in ("name", "email", "phone", "external_id", "session_epoch")}
    try:
        changed = User._get_collection().update_one(
            {"_id": user.id, "active": True, "email_change.id": user.email_change["id"], **as_read},
            {
                "$set": {"email": email, "email_confirmed": True, "search": terms},
                "$unset": {"email_change": ""},
                "$push": {"due": {"$each": items}},
            },
        )
    except DuplicateKeyError as error:
        raise users.already_exists(error) from None
    if not changed.matched_count:
        # Of two clicks at the same moment the other was quicker, or something else of the user has changed.
        if not was_used(token, user := find(token)):
            raise Busy
        return user
    due.perform(User, user.id)
    return users.get(user.id)
