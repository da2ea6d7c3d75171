"""Where a sign-in link leads: a page that asks first, since programs that preview links open them as well."""

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf.csrf import CSRFError, validate_csrf
from wtforms import ValidationError

from app import access
from app.access import public
from app.extensions import csrf
from app.models.domain_error import LinkUnusable
from app.models.sign_in_link import SignInLink
from app.services import sign_in_links

blueprint = Blueprint("sign_in_link", __name__)


@blueprint.get("/sign-in/link/<token>")
@public
def sign_in_link(token: str) -> ResponseReturnValue:
    """Says who will be signed in; nothing is used up. Whoever the link has signed in here is led on."""
    if used := _used_here(token):
        return redirect(used.next, 303)
    try:
        _link, user = sign_in_links.find(token)
    except LinkUnusable as error:
        return _page(error.status)
    other = current_user if current_user.is_authenticated and current_user.id != user.id else None
    return _page(200, token=token, user=user, other=other)


@blueprint.post("/sign-in/link/<token>")
@csrf.exempt
@public
def use(token: str) -> ResponseReturnValue:
    """Signs the user in, whoever was signed in before, and leads on; a second click leads there as well."""
    # Asked before the form is checked: signing in has made the token in it void.
    if used := _used_here(token):
        return redirect(used.next, 303)
    _check_form()
    browser = {"address": request.remote_addr or "", "user_agent": request.user_agent.string}
    try:
        link, session_token = sign_in_links.use(token, request_id=g.get("request_id"), **browser)
    except LinkUnusable as error:
        if not sign_in_links.was_used(token):
            return _page(error.status)
        # The other of two clicks may be signing in just now: the browser's next call has the cookie.
        return redirect(url_for("sign_in_link.sign_in_link", token=token), 303)
    access.sign_out()
    access.sign_in(session_token)
    return redirect(link.next, 303)


def _used_here(token: str) -> SignInLink | None:
    """The link, if it was used by the user who is signed in here."""
    return sign_in_links.find_used(token, current_user.id) if current_user.is_authenticated else None


def _check_form() -> None:
    """As for every form, but without the look at the page that sent it: this page has told the browser not to say."""
    try:
        validate_csrf(request.form.get("csrf_token"))
    except ValidationError as error:
        raise CSRFError(error.args[0]) from None


def _page(status: int, **values: object) -> Response:
    response = make_response(render_template("sign_in_link/sign_in_link.html", **values), status)
    # The address is as good as a password until it is used.
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
