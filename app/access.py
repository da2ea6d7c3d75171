"""Who may open what. A view says it with one of the decorators here; one that says nothing is closed to everybody."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, current_app, flash, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from pymongo.errors import PyMongoError

from app.extensions import login_manager
from app.models.actor import Actor
from app.models.domain_error import Forbidden, SignInNeeded
from app.models.permission import Permission
from app.models.user import User
from app.security import STATIC_ENDPOINTS, is_api
from app.services import login_sessions

# The name under which Flask's signed cookie keeps the token of the login session.
SESSION_KEY = "login"

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Access:
    """What a view asks of its caller: nothing, to be signed in, all of `permissions`, or any permission at all."""

    anonymous: bool = False
    permissions: frozenset[Permission] = frozenset()
    any_permission: bool = False

    def allows(self, user: User) -> bool:
        """Whether this signed-in user may open the view."""
        if self.any_permission and not user.has_any_permission:
            return False
        return all(user.has(permission) for permission in self.permissions)


def _declares(access: Access) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        view.access = access  # type: ignore[attr-defined]
        return view

    return decorate


public = _declares(Access(anonymous=True))
signed_in = _declares(Access())
requires_any_permission = _declares(Access(any_permission=True))


def requires(*permissions: Permission) -> Callable[[View], View]:
    """The view is for users who hold all of `permissions`."""
    return _declares(Access(permissions=frozenset(permissions)))


def init_app(app: Flask) -> None:
    """Puts the gate before every view."""
    login_manager.init_app(app)
    # The row on the server says who is signed in; Flask-Login's own cookie checks would only write to the cookie.
    login_manager.session_protection = None
    login_manager.request_loader(_load_user)
    app.before_request(_gate)


def declared(app: Flask, endpoint: str) -> Access | None:
    """The access that the view of `endpoint` declares, or None."""
    if endpoint in STATIC_ENDPOINTS:
        return Access(anonymous=True)
    return getattr(app.view_functions[endpoint], "access", None)


def _gate() -> ResponseReturnValue | None:
    if request.endpoint is None:
        return None  # No such page, or not with this method: the error says so.
    access = declared(current_app, request.endpoint)
    if access is not None and access.anonymous:
        return None
    if not current_user.is_authenticated:
        return _ask_to_sign_in()
    if access is None or not access.allows(current_user):
        raise Forbidden
    return None


def _ask_to_sign_in() -> ResponseReturnValue:
    if is_api():
        raise SignInNeeded
    if "session_ended" in g:
        flash(_("Your session has ended. Please sign in again."), "info")
    return redirect(url_for("sign_in.sign_in", next=_way_back()), 303)


def _way_back() -> str | None:
    """Where to go after signing in: this page, or the page whose form was sent."""
    if request.method in {"GET", "HEAD"}:
        return safe_next(request.full_path.rstrip("?"))
    came_from = urlsplit(request.referrer or "")
    if came_from.netloc != request.host:
        return None
    return safe_next(came_from.path + (f"?{came_from.query}" if came_from.query else ""))


def safe_next(target: str | None) -> str | None:
    """`target` if it is a path on this site, else None.

    Browsers read `//host`, `/\\host` and paths with control characters in them as other sites, so none of these passes.
    """
    if not target or len(target) > 2_000 or not target.startswith("/") or target.startswith("//"):
        return None
    if "\\" in target or not target.isprintable():
        return None
    return target


def _load_user(_request: object) -> User | None:
    token = session.get(SESSION_KEY)
    if not isinstance(token, str):
        return None
    try:
        found = login_sessions.find(token)
    except PyMongoError:
        # The error page asks who is signed in as well; it must not fail on the same database again.
        g._login_user = login_manager.anonymous_user()
        raise
    if found is None:
        session.pop(SESSION_KEY)
        g.session_ended = True
        return None
    g.login_session, user = found
    return user


def sign_in(token: str) -> None:
    """Gives this browser the session of `token`, and nothing of what it had before."""
    session.clear()
    session[SESSION_KEY] = token


def sign_out() -> None:
    """Ends this browser's session, on the server and in the cookie."""
    token = session.get(SESSION_KEY)
    session.clear()
    if isinstance(token, str):
        login_sessions.end(token)


def actor() -> Actor:
    """The caller, as services want it in `by=`."""
    return Actor(
        kind="user",
        id=str(current_user.id),
        name=current_user.display_name,
        address=request.remote_addr,
        request_id=g.get("request_id"),
    )
