"""Signing in and out."""

import structlog
from flask import Blueprint, flash, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app import access, device_cookie
from app.access import public, safe_next
from app.errors import sentence
from app.forms.sign_in import SignInForm
from app.forms.two_factor import CodeForm
from app.models.domain_error import BadCredentials, SignInNeeded, TooManyAttempts, UserInactive, WrongCode
from app.services import sign_in as service
from app.services.sign_in import CodeNeeded, SignedIn

log = structlog.get_logger(__name__)

blueprint = Blueprint("sign_in", __name__)

# The name under which Flask's signed cookie keeps, for a while, that the password was right.
SECOND_STEP = "second_step"


@blueprint.route("/sign-in", methods=["GET", "POST"])
@public
def sign_in() -> ResponseReturnValue:
    """The form, and what it is sent to."""
    target = safe_next(request.args.get("next"))
    if current_user.is_authenticated:
        return redirect(target or url_for("home.home"), 303)
    form = SignInForm()
    if not form.validate_on_submit():
        return _page(form, 400 if form.is_submitted() else 200)
    browser = {"address": request.remote_addr or "", "user_agent": request.user_agent.string}
    try:
        signed_in = service.sign_in(form.email.data, form.password.data, device=device_cookie.read(), **browser)
    except (BadCredentials, TooManyAttempts, UserInactive) as error:
        log.info("sign_in_refused", step="password", why=error.code)
        form.form_errors.append(sentence(error))
        return _page(form, error.status, retry_after=error.values.get("retry_after"))
    if isinstance(signed_in, CodeNeeded):
        session[SECOND_STEP] = signed_in.step
        return redirect(url_for("sign_in.code", next=target), 303)
    return _let_in(signed_in, target)


@blueprint.route("/sign-in/code", methods=["GET", "POST"])
@public
def code() -> ResponseReturnValue:
    """The second step, for users with two-factor sign-in."""
    target = safe_next(request.args.get("next"))
    step = session.get(SECOND_STEP, "")
    if current_user.is_authenticated or not service.at_second_step(step):
        return _back_to_first_step(target)
    form = CodeForm()
    if not form.validate_on_submit():
        return _code_page(form, 400 if form.is_submitted() else 200)
    browser = {"address": request.remote_addr or "", "user_agent": request.user_agent.string}
    more = {"device": device_cookie.read(), "request_id": g.get("request_id")}
    try:
        signed_in = service.finish(step, form.code.data, **browser, **more)
    except SignInNeeded:
        return _back_to_first_step(target)
    except (TooManyAttempts, WrongCode) as error:
        log.info("sign_in_refused", step="code", why=error.code)
        form.form_errors.append(sentence(error))
        return _code_page(form, error.status, retry_after=error.values.get("retry_after"))
    return _let_in(signed_in, target)


@blueprint.post("/sign-out")
@public
def sign_out() -> ResponseReturnValue:
    """Ends the session; also where it has ended already, so that nobody is asked to sign in first."""
    access.sign_out()
    flash(_("You have signed out."), "success")
    return redirect(url_for("sign_in.sign_in"), 303)


def _let_in(signed_in: SignedIn, target: str | None) -> ResponseReturnValue:
    access.sign_in(signed_in.session_token)
    response = redirect(target or url_for("home.home"), 303)
    device_cookie.write(response, signed_in.device)
    return response


def _back_to_first_step(target: str | None) -> ResponseReturnValue:
    if session.pop(SECOND_STEP, None) and not current_user.is_authenticated:
        flash(_("That took too long. Please sign in again."), "info")
    return redirect(url_for("sign_in.sign_in", next=target), 303)


def _code_page(form: CodeForm, status: int, retry_after: int | None = None) -> ResponseReturnValue:
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    return render_template("sign_in/code.html", form=form), status, headers


def _page(form: SignInForm, status: int, retry_after: int | None = None) -> ResponseReturnValue:
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    return render_template("sign_in/sign_in.html", form=form), status, headers
