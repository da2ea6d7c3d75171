"""Signing in and out."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app import access, device_cookie
from app.access import public, safe_next
from app.errors import sentence
from app.forms.sign_in import SignInForm
from app.models.domain_error import BadCredentials, TooManyAttempts, UserInactive
from app.services import sign_in as service

blueprint = Blueprint("sign_in", __name__)


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
        form.form_errors.append(sentence(error))
        return _page(form, error.status, retry_after=error.values.get("retry_after"))
    access.sign_in(signed_in.session_token)
    response = redirect(target or url_for("home.home"), 303)
    device_cookie.write(response, signed_in.device)
    return response


@blueprint.post("/sign-out")
@public
def sign_out() -> ResponseReturnValue:
    """Ends the session; also where it has ended already, so that nobody is asked to sign in first."""
    access.sign_out()
    flash(_("You have signed out."), "success")
    return redirect(url_for("sign_in.sign_in"), 303)


def _page(form: SignInForm, status: int, retry_after: int | None = None) -> ResponseReturnValue:
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    return render_template("sign_in/sign_in.html", form=form), status, headers
