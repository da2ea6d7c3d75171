"""The desk: every request of every kind, and the decisions on them."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import access, pagination
from app.access import requires
from app.errors import sentence
from app.forms.review import ApproveForm, RejectForm
from app.models.domain_error import AlreadyDecided, ChangedMeanwhile, Forbidden
from app.models.permission import Permission
from app.models.token_request import Status
from app.routes.requests import NUMBER
from app.services import review, token_accounts, token_requests, users

blueprint = Blueprint("admin_requests", __name__, url_prefix="/admin/requests")

# The address says `status=all` for every status; without one it means what is pending.
ALL = "all"
REFUSALS = (AlreadyDecided, ChangedMeanwhile, Forbidden)


@blueprint.get("")
@requires(Permission.REQUESTS_REVIEW)
def requests() -> ResponseReturnValue:
    """One list over all kinds, newest first; it opens on what is pending."""
    status = pagination.chosen("status", [*Status, ALL]) or Status.PENDING
    wanted = None if status == ALL else Status(status)
    found = token_requests.desk_page(status=wanted, before=pagination.before_number(), limit=pagination.FETCHED)
    page = pagination.page(found, key=lambda token_request: token_request.number, status=status)
    return render_template(
        "admin/requests/requests.html",
        page=page,
        requesters=users.by_ids(token_request.user for token_request in page.rows),
        status=status,
        choices=[*Status, ALL],
        pending=token_requests.pending_count(),
    )


@blueprint.get(NUMBER)
@requires(Permission.REQUESTS_REVIEW)
def show(number: int) -> ResponseReturnValue:
    """All that is known of one request, and the two decisions."""
    return _page(number)


@blueprint.post(f"{NUMBER}/approve")
@requires(Permission.REQUESTS_REVIEW)
def approve(number: int) -> ResponseReturnValue:
    """Gives what was asked for."""
    token_request = token_requests.by_number(number)
    form = ApproveForm()
    if not form.validate():
        return _page(number, approve_form=form), 400
    try:
        review.approve(token_request, by=access.actor(), version=form.seen_version, response=form.response.data)
    except REFUSALS as error:
        return _page(number, approve_form=form, refusal=sentence(error)), error.status
    flash(_("Request #%(number)s is approved.", number=number), "success")
    return redirect(url_for("admin_requests.show", number=number), 303)


@blueprint.post(f"{NUMBER}/reject")
@requires(Permission.REQUESTS_REVIEW)
def reject(number: int) -> ResponseReturnValue:
    """Refuses, and says why."""
    token_request = token_requests.by_number(number)
    form = RejectForm()
    if not form.validate():
        return _page(number, reject_form=form), 400
    try:
        review.reject(token_request, by=access.actor(), version=form.seen_version, response=form.response.data)
    except REFUSALS as error:
        return _page(number, reject_form=form, refusal=sentence(error)), error.status
    flash(_("Request #%(number)s is rejected.", number=number), "success")
    return redirect(url_for("admin_requests.show", number=number), 303)


def _page(
    number: int,
    *,
    approve_form: ApproveForm | None = None,
    reject_form: RejectForm | None = None,
    refusal: str | None = None,
) -> str:
    """The request as it is now, which a refused decision may well have been overtaken by."""
    token_request = token_requests.by_number(number)
    others = token_requests.mine(token_request.user, limit=pagination.SIZE)
    return render_template(
        "admin/requests/show.html",
        token_request=token_request,
        requester=users.get(token_request.user),
        requester_account=token_accounts.view(token_request.user),
        others=[other for other in others if other.number != number],
        approve_form=approve_form or ApproveForm(formdata=None),
        reject_form=reject_form or RejectForm(formdata=None),
        refusal=refusal,
    )
