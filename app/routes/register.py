"""Registering, where the settings leave it open to everybody."""

from flask import Blueprint, current_app, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_decimal, get_locale
from flask_babel import gettext as _
from flask_login import current_user

from app import access
from app.access import public, safe_next
from app.forms import refusal
from app.forms.register import RegisterForm
from app.models.domain_error import AlreadyExists, InvalidInput, TooManyAttempts
from app.models.user import User
from app.services import registration

blueprint = Blueprint("register", __name__)


@blueprint.route("/register", methods=["GET", "POST"])
@public
def register() -> ResponseReturnValue:
    """The form, and what it is sent to."""
    registration.check_open()
    target = safe_next(request.args.get("next")) or url_for("home.home")
    if current_user.is_authenticated:
        return redirect(target, 303)
    form = RegisterForm()
    if not form.validate_on_submit():
        return _page(form, 400 if form.is_submitted() else 200)
    person = {"password": form.password.data, "name": form.name.data or "", "locale": str(get_locale())}
    browser = {"address": request.remote_addr or "", "user_agent": request.user_agent.string}
    try:
        user, token = registration.register(form.email.data, **person, **browser, request_id=g.request_id)
    except (AlreadyExists, InvalidInput, TooManyAttempts) as error:
        refusal.show(form, error)
        return _page(form, error.status, retry_after=error.values.get("retry_after"))
    access.sign_in(token)
    flash(_welcome(user), "success")
    return redirect(target, 303)


def _welcome(user: User) -> str:
    if registration.waits_for_confirmation(user):
        tokens = format_decimal(current_app.config["INITIAL_TOKENS"])
        text = _("Welcome! Your first %(tokens)s tokens come when your e-mail address is confirmed.", tokens=tokens)
        return f"{text} {_('We have sent you a link.')}"
    return _("Welcome to Tokendesk!")


def _page(form: RegisterForm, status: int, retry_after: int | None = None) -> ResponseReturnValue:
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    return render_template("register/register.html", form=form), status, headers
