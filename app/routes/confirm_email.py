"""Showing that an e-mail address is one's own: the link of the mail, and another mail."""

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app.access import public, signed_in
from app.models.domain_error import LinkUnusable
from app.services import email_confirmations

blueprint = Blueprint("confirm_email", __name__, url_prefix="/confirm-email")


@blueprint.get("/<token>")
@public
def confirm_email(token: str) -> ResponseReturnValue:
    """The link's page, which asks first: programs that preview links open them as well."""
    try:
        user = email_confirmations.find(token)
    except LinkUnusable as error:
        return render_template("confirm_email/confirm_email.html", user=None), error.status
    return render_template("confirm_email/confirm_email.html", user=user, token=token)


@blueprint.post("/<token>")
@public
def confirm(token: str) -> ResponseReturnValue:
    """Confirms the address; a second click is told the same."""
    try:
        user = email_confirmations.confirm(token, address=request.remote_addr or "", request_id=g.get("request_id"))
    except LinkUnusable as error:
        return render_template("confirm_email/confirm_email.html", user=None), error.status
    flash(_("The address %(email)s is confirmed.", email=user.email), "success")
    return redirect(url_for("account.account"), 303)


@blueprint.post("")
@signed_in
def send_again() -> ResponseReturnValue:
    """Sends the mail once more."""
    email_confirmations.send_again(current_user)
    flash(_("We have sent a link to %(email)s.", email=current_user.email), "info")
    return redirect(url_for("account.account"), 303)
