"""A forgotten password: asking for a link, and choosing a new one behind it."""

from flask import Blueprint, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.access import public
from app.forms import refusal
from app.forms.reset_password import NewPasswordForm, ResetPasswordForm
from app.models.domain_error import DomainError, InvalidInput, LinkUnusable, TooManyAttempts
from app.services import password_reset_mail, password_resets

blueprint = Blueprint("reset_password", __name__)


@blueprint.route("/reset-password", methods=["GET", "POST"])
@public
def reset_password() -> ResponseReturnValue:
    """Where somebody asks for a link; the answer is the same whether or not there is such a user."""
    password_reset_mail.check_open()
    form = ResetPasswordForm()
    if not form.validate_on_submit():
        return _page("reset_password", 400 if form.is_submitted() else 200, form=form)
    try:
        password_reset_mail.ask(form.email.data, address=request.remote_addr or "")
    except (InvalidInput, TooManyAttempts) as error:
        return _refused("reset_password", error, form=form)
    flash(_("If there is an account with this address, we have sent a link to it. It works for an hour."), "info")
    return redirect(url_for("sign_in.sign_in"), 303)


@blueprint.route("/reset-password/<token>", methods=["GET", "POST"])
@public
def new_password(token: str) -> ResponseReturnValue:
    """The link's page; opening it uses nothing up, since programs that preview links do so as well."""
    try:
        user = password_resets.find(token)
        form = NewPasswordForm()
        if not form.validate_on_submit():
            return _page("new_password", 400 if form.is_submitted() else 200, form=form, user=user)
        password_resets.use(
            token, form.password.data, address=request.remote_addr or "", request_id=g.get("request_id")
        )
    except (InvalidInput, TooManyAttempts) as error:
        return _refused("new_password", error, form=form, user=user)
    except LinkUnusable as error:
        return _page("new_password", error.status, user=None)
    flash(_("You have a new password, and you are signed out everywhere. Sign in with it."), "success")
    return redirect(url_for("sign_in.sign_in"), 303)


def _refused(
    name: str, error: DomainError, *, form: ResetPasswordForm | NewPasswordForm, **values: object
) -> ResponseReturnValue:
    refusal.show(form, error)
    return _page(name, error.status, retry_after=error.values.get("retry_after"), form=form, **values)


def _page(name: str, status: int, *, retry_after: int | None = None, **values: object) -> ResponseReturnValue:
    response = make_response(render_template(f"reset_password/{name}.html", **values), status)
    if retry_after:
        response.headers["Retry-After"] = str(retry_after)
    return response
