"""Links by which the host product signs its users in here: made for a key, good for one use and a quarter of an hour.

Only for users who have neither a password nor a permission: a key must not be a way around either.
"""

import secrets

from bson import ObjectId
from limits import RateLimitItemPerMinute

from app import clock, rate_limits
from app.models.actor import Actor
from app.models.audit_event import Action
from app.models.domain_error import LinkUnusable, UserInactive, UserProtected
from app.models.permission import Permission
from app.models.sign_in_link import LIFETIME, SignInLink
from app.models.user import User
from app.services import audit, due, login_sessions, rights
from app.services.digests import digest

# Nobody finds a token by trying; this only keeps a page open to everybody from being work without end.
USES_A_MINUTE = RateLimitItemPerMinute(30)


def create(user: User, *, target: str, by: Actor) -> tuple[SignInLink, str]:
    """A link that leads `user` to `target`, a path on this site, and its token, which is told here and nowhere else.

    Raises `UserInactive`, or `UserProtected` for a user who has a password or a permission.
    """
    rights.check_holds([Permission.USERS_SIGN_IN], by=by)
    _check_suitable(user)
    token, now = secrets.token_urlsafe(32), clock.now()
    link = SignInLink(
        id=ObjectId(),
        digest=digest(token),
        user=user.id,
        next=target,
        created_at=now,
        created_by=by.stamp(),
        expires_at=now + LIFETIME,
    )
    link.due = [_audit(link, Action.SIGN_IN_LINK_CREATE, by)]
    link.validate()
    SignInLink._get_collection().insert_one(link.to_mongo())
    due.perform(SignInLink, link.id)
    return link, token


def find(token: str) -> tuple[SignInLink, User]:
    """The link that is still good, and its user; raises `LinkUnusable`. Nothing is used up."""
    link = SignInLink.objects(digest=digest(token), used_at=None, expires_at__gt=clock.now()).first()
    user = User.objects(id=link.user).first() if link else None
    if user is None or not user.active or user.is_protected:
        raise LinkUnusable
    return link, user


def find_used(token: str, by: ObjectId) -> SignInLink | None:
    """The link, if it is this user's and was used."""
    return SignInLink.objects(digest=digest(token), user=by, used_at__ne=None).first()


def was_used(token: str) -> bool:
    """Whether there is such a link, and somebody has used it up."""
    return bool(SignInLink.objects(digest=digest(token), used_at__ne=None))


def use(token: str, *, address: str, user_agent: str = "", request_id: str | None = None) -> tuple[SignInLink, str]:
    """Uses the link up; returns it, and the token of the session that its user is signed in with.

    Raises `LinkUnusable` or `TooManyRequests`.
    """
    rate_limits.count(rate_limits.strategy(), USES_A_MINUTE, "sign-in-link", rate_limits.network(address))
    link, user = find(token)
    event = _audit(link, Action.SIGN_IN_LINK_USE, Actor("user", str(user.id), user.display_name, address, request_id))
    used = SignInLink._get_collection().update_one(
        {"_id": link.id, "used_at": None, "expires_at": {"$gt": clock.now()}},
        {"$set": {"used_at": clock.now()}, "$push": {"due": event}},
    )
    if not used.matched_count:
        raise LinkUnusable
    # A password or a permission that the user was given since they were read has raised the epoch: this session is none.
    session_token = login_sessions.start(user, address=address, user_agent=user_agent)
    due.perform(SignInLink, link.id)
    return link, session_token


def _check_suitable(user: User) -> None:
    if not user.active:
        raise UserInactive
    if user.is_protected:
        raise UserProtected


def _audit(link: SignInLink, action: Action, by: Actor) -> dict[str, object]:
    return audit.item(f"sign_in_link:{link.id}:{action}", action, by=by, changed=link.as_object())
