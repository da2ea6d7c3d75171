"""What a user asks for: the list of it, asking, one request, withdrawing it."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app import access, pagination
from app.access import signed_in
from app.errors import sentence
from app.forms.token_request import QuotaRequestForm
from app.models.domain_error import AlreadyDecided, AlreadyPending, DailyLimit, NoAllowance, UserInactive
from app.services import review, token_accounts, token_requests
from app.services.prompts import is_out_of_tokens

blueprint = Blueprint("requests", __name__, url_prefix="/requests")

# Numbers beyond this are no request's, and more than the database can look for.
NUMBER = "/<int(max=999_999_999_999):number>"


@blueprint.get("")
@signed_in
def requests() -> ResponseReturnValue:
    """The user's own requests, newest first."""
    mine = token_requests.mine(current_user.id, limit=pagination.SIZE)
    eligibility = token_requests.can_submit_quota(current_user)
    account = token_accounts.view(current_user.id)
    # Having tokens left refuses nobody, but only who is out is invited to ask.
    may_ask = eligibility.can_request and is_out_of_tokens(account)
    return render_template(
        "requests/requests.html", token_requests=mine, eligibility=eligibility, account=account, may_ask=may_ask
    )


@blueprint.route("/new", methods=["GET", "POST"])
@signed_in
def new() -> ResponseReturnValue:
    """The form to ask with, or why asking is not possible."""
    pagination.chosen("kind", ["quota"])
    form = QuotaRequestForm()
    if not form.validate_on_submit():
        return _form_page(form), 400 if form.is_submitted() else 200
    try:
        token_request = token_requests.submit_quota(current_user, reason=form.reason.data, by=access.actor())
    except (AlreadyPending, DailyLimit, NoAllowance, UserInactive) as error:
        flash(sentence(error), "error")
        return _form_page(form), error.status
    flash(_("Your request #%(number)s was sent.", number=token_request.number), "success")
    return redirect(url_for("requests.show", number=token_request.number), 303)


def _form_page(form: QuotaRequestForm) -> str:
    return render_template("requests/new.html", form=form, eligibility=token_requests.can_submit_quota(current_user))


@blueprint.get(NUMBER)
@signed_in
def show(number: int) -> ResponseReturnValue:
    """One of the user's own requests."""
    return render_template("requests/show.html", token_request=token_requests.own(current_user.id, number))


@blueprint.post(f"{NUMBER}/withdraw")
@signed_in
def withdraw(number: int) -> ResponseReturnValue:
    """Takes one of the user's own requests back, while nobody has decided it."""
    token_request = token_requests.own(current_user.id, number)
    try:
        review.withdraw(token_request, by=access.actor())
        flash(_("Request #%(number)s is withdrawn.", number=number), "success")
    except AlreadyDecided as error:
        flash(sentence(error), "error")
    return redirect(url_for("requests.show", number=number), 303)
