"""What tests need to begin with: people, signed in where needed, made by the services that make real ones."""

from collections.abc import Iterable
from itertools import count
from typing import Any

from bson import ObjectId

from app import clock
from app.access import SESSION_KEY
from app.models.actor import Actor
from app.models.delivery import Delivery, Kind, State
from app.models.token_request import QuotaRequest
from app.models.user import User
from app.services import api_keys, login_sessions, quota_requests, token_accounts, users
from tests.page_client import PageClient

PASSWORD = "correct ponies battery"
OPERATOR = Actor("cli", "tests", "The tests")

_numbers = count(1)


def make_user(
    email: str | None = None,
    *,
    roles: Iterable[str] = (),
    password: str | None = None,
    by: Actor = OPERATOR,
    **values: Any,
) -> User:
    """A user; give `PASSWORD` to one who must sign in through the form, since hashing it takes a while."""
    return users.create(email or f"user{next(_numbers)}@example.com", password=password, roles=roles, by=by, **values)


def make_admin(email: str | None = None, **values: Any) -> User:
    """A user with the role of an admin."""
    return make_user(email, roles=["admin"], **values)


def actor_of(user: User) -> Actor:
    """The user as services know a caller."""
    return Actor("user", str(user.id), user.display_name)


def make_request(user: User | None = None, *, used: int = 0, reason: str = "I ran out.") -> QuotaRequest:
    """A quota request of `user`, or of somebody new, who has used that many tokens before."""
    user = user or make_user()
    if used:
        token_accounts.spend(user.id, used, by=OPERATOR)
    return quota_requests.submit(user, reason=reason, by=actor_of(user))


def sign_in(client: PageClient, user: User) -> PageClient:
    """`client` with a real session of `user`; the form that people use has tests of its own."""
    token = login_sessions.start(user)
    with client.session_transaction() as session:
        session.clear()
        session[SESSION_KEY] = token
    return client


def bearer(owner: User, *scopes: str, name: str = "A program") -> dict[str, str]:
    """The headers of a call with a new key of `owner`."""
    _key, secret = api_keys.create(owner.id, name=name, scopes=scopes, by=OPERATOR)
    return {"Authorization": f"Bearer {secret}"}


def make_delivery(state: State, **values: Any) -> Delivery:
    """A mail that is so far on its way, made now."""
    facts = {"kind": Kind.MAIL, "channel": "mail", "what": "notice", "created_at": clock.now(), **values}
    made: Delivery = Delivery(key=str(ObjectId()), state=state, **facts).save()
    return made
