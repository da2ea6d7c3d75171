"""Who may open what. A view says it with one of the decorators here; one that says nothing is closed to everybody.

Callers are signed in by a session; under /api, and only there, they may show an API key instead, which goes before a session.
What a view asks of a user, it asks of a key as a scope: `self` where being signed in is enough.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import structlog
from flask import Flask, current_app, flash, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app import api_limits, db
from app.extensions import login_manager
from app.models.actor import Actor
from app.models.api_key import SELF, ApiKey
from app.models.domain_error import (
    N_,
    BadKey,
    DomainError,
    Forbidden,
    ForeignOrigin,
    SignInNeeded,
    TwoFactorNeeded,
    UserInactive,
)
from app.models.permission import Permission
from app.models.user import User
from app.security import STATIC_ENDPOINTS, WRITING_METHODS, is_api
from app.services import api_keys, login_sessions, two_factor

# The name under which Flask's signed cookie keeps the token of the login session.
SESSION_KEY = "login"
# For users who must have two-factor sign-in and do not yet: where it is set up, and what that needs.
SET_UP_FIRST = "settings_two_factor"
UNTIL_SET_UP = frozenset({SET_UP_FIRST, "confirm_email"})

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Access:
    """What a view asks of its caller: nothing, to be signed in, all of `permissions`, or any permission at all.

    `or_scopes` are scopes with which a key may open it without `self`, where a user need only be signed in.
    """

    anonymous: bool = False
    permissions: frozenset[Permission] = frozenset()
    any_permission: bool = False
    or_scopes: frozenset[Permission] = frozenset()

    def allows(self, user: User) -> bool:
        """Whether this user may open the view by a session."""
        if self.any_permission and not user.has_any_permission:
            return False
        return all(user.has(permission) for permission in self.permissions)

    def allows_key(self, api_key: ApiKey) -> bool:
        """Whether a program may open the view with this key."""
        if self.permissions:
            return all(api_key.allows(permission) for permission in self.permissions)
        if self.any_permission:
            return any(api_key.allows(permission) for permission in Permission)
        return any(api_key.allows(scope) for scope in (SELF, *self.or_scopes))


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


def owner_or(*permissions: Permission) -> Callable[[View], View]:
    """The view is for users about themselves, with a session or a `self` key, and for keys with one of `permissions`."""
    return _declares(Access(or_scopes=frozenset(permissions)))


def asked_by_itself(view: View) -> View:
    """The view is asked by open pages that nobody may be looking at, which keeps no session alive."""
    view.is_asked_by_itself = True  # type: ignore[attr-defined]
    return view


def init_app(app: Flask) -> None:
    """Puts the gate before every view."""
    login_manager.init_app(app)
    # Nobody is remembered by a cookie of Flask-Login's. To look for one, it would read the session of every answer, and so
    # tell caches that even what is the same for everybody depends on the cookie.
    app.after_request_funcs[None].remove(login_manager._update_remember_cookie)
    # With one of another app of this host, Flask-Login would not ask us: no cookie has this name.
    app.config["REMEMBER_COOKIE_NAME"] = ";"
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
    try:
        return _check(access)
    except DomainError:
        if is_api():
            # The API counts its calls only behind this gate; unlimited refusals would be unlimited guesses.
            api_limits.count_refusal()
        raise


def _check(access: Access | None) -> ResponseReturnValue | None:
    if not current_user.is_authenticated:
        return _ask_to_sign_in()
    if "api_key" in g:
        _check_key(access, g.api_key)
        return None
    if is_api() and request.method in WRITING_METHODS:
        _check_origin()
    if two_factor.is_missing(current_user) and request.blueprint not in UNTIL_SET_UP:
        return _ask_to_set_up_two_factor()
    if access is None or not access.allows(current_user):
        raise Forbidden
    return None


def _ask_to_set_up_two_factor() -> ResponseReturnValue:
    if is_api():
        raise TwoFactorNeeded
    return redirect(url_for(f"{SET_UP_FIRST}.two_factor"), 303)


def _check_key(access: Access | None, api_key: ApiKey) -> None:
    if access is None or not access.allows_key(api_key):
        raise Forbidden(N_("This API key may not do that: it lacks the scope, or its owner the permission."))


def _check_origin() -> None:
    """Browsers say which page a call comes from, and no page can make them say something else."""
    own = urlsplit(current_app.config["PUBLIC_URL"] or request.host_url)
    if request.headers.get("Sec-Fetch-Site") == "same-origin":
        return
    if request.headers.get("Origin") != f"{own.scheme}://{own.netloc.lower()}":
        raise ForeignOrigin


def _ask_to_sign_in() -> ResponseReturnValue:
    if is_api():
        raise g.get("key_refusal") or SignInNeeded()
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
    try:
        secret = _bearer_secret()
        user = _user_of_session() if secret is None else _owner_of_key(secret)
    except db.ERRORS:
        # The error page asks who is signed in as well; it must not fail on the same database again.
        g._login_user = login_manager.anonymous_user()
        raise
    if user:
        structlog.contextvars.bind_contextvars(user=str(user.id))
    return user


def _bearer_secret() -> str | None:
    """What the caller shows as an API key; None on pages, and without any. Other schemes may be a proxy's affair."""
    authorization = request.authorization if is_api() else None
    if authorization is None or authorization.type != "bearer":
        return None
    return authorization.token or ""


def _owner_of_key(secret: str) -> User | None:
    try:
        found = api_keys.find(secret)
    except UserInactive as refusal:
        g.key_refusal = refusal
        return None
    if found is None:
        g.key_refusal = BadKey()
        return None
    g.api_key, owner = found
    return owner


def _user_of_session() -> User | None:
    token = session.get(SESSION_KEY)
    if not isinstance(token, str):
        return None
    view = current_app.view_functions.get(request.endpoint or "")
    found = login_sessions.find(token, is_seen=not hasattr(view, "is_asked_by_itself"))
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


def renew(token: str) -> None:
    """Gives this browser the session of `token` in place of its own, which has ended; the same user goes on."""
    session[SESSION_KEY] = token


def sign_out() -> None:
    """Ends this browser's session, on the server and in the cookie."""
    token = session.get(SESSION_KEY)
    session.clear()
    if isinstance(token, str):
        login_sessions.end(token)


def actor() -> Actor:
    """The caller, as services want it in `by=`: a user, or a key with the id of its owner."""
    circumstances = {"address": request.remote_addr, "request_id": g.get("request_id")}
    if "api_key" in g:
        owner = str(current_user.id)
        return Actor("key", str(g.api_key.id), g.api_key.name, **circumstances, on_behalf_of=owner)
    return Actor("user", str(current_user.id), current_user.display_name, **circumstances)
