"""Deciding many requests at once: what would happen, doing it, and what has become of each."""

from urllib.parse import urlsplit

from bson import ObjectId
from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import access
from app.access import requires
from app.errors import sentence
from app.forms.review_batch import BatchForm
from app.models.domain_error import DomainError, translated
from app.models.permission import Permission
from app.services import review_batches, token_requests, users

blueprint = Blueprint("admin_request_batches", __name__, url_prefix="/admin/requests/bulk")

# What is not done by then is left to the worker, and the page that follows shows how far it is.
SECONDS = 10
REFRESH_SECONDS = 3


@blueprint.post("/preview")
@requires(Permission.REQUESTS_REVIEW)
def preview() -> ResponseReturnValue:
    """What would become of each selected request; nothing is decided yet."""
    return _preview(BatchForm())


@blueprint.post("")
@requires(Permission.REQUESTS_REVIEW)
def start() -> ResponseReturnValue:
    """Decides them; the same form again leads to what the first one did."""
    form = BatchForm()
    if not form.validate():
        return _preview(form)
    batch = review_batches.start(**form.wishes, by=access.actor(), batch_id=form.id)
    review_batches.perform_for(batch, SECONDS)
    return redirect(url_for("admin_request_batches.show", batch_id=batch.id), 303)


@blueprint.get("/<batch_id>")
@requires(Permission.REQUESTS_REVIEW)
def show(batch_id: str) -> ResponseReturnValue:
    """What has become of each request so far; the page looks again by itself until all is done."""
    batch = review_batches.get(batch_id, by=access.actor())
    found = token_requests.by_numbers(row["number"] for row in batch.rows)
    refusals = {row["number"]: review_batches.refusal_of(row) for row in batch.rows}
    response = make_response(
        render_template("admin/requests/batch.html", batch=batch, found=found, refusals=refusals, said=_said)
    )
    if batch.left:
        response.headers["Refresh"] = str(REFRESH_SECONDS)
    return response


@blueprint.post("/<batch_id>/resume")
@requires(Permission.REQUESTS_REVIEW)
def resume(batch_id: str) -> ResponseReturnValue:
    """Goes on with what is left, for whoever does not want to wait for the worker."""
    review_batches.perform_for(review_batches.get(batch_id, by=access.actor()), SECONDS)
    return redirect(url_for("admin_request_batches.show", batch_id=batch_id), 303)


def _preview(form: BatchForm) -> ResponseReturnValue:
    is_valid = form.validate()
    if form.selected.errors or form.action.errors:
        for error in (*form.selected.errors, *form.action.errors):
            flash(error, "error")
        return redirect(_list_address(), 303)
    forecasts = review_batches.forecast(**form.wishes, by=access.actor()) if is_valid else []
    form.batch_id.data = str(ObjectId())
    requesters = users.by_ids(one.token_request.user for one in forecasts if one.token_request)
    page = render_template(
        "admin/requests/batch_preview.html",
        form=form,
        forecasts=forecasts,
        possible=sum(one.refusal is None for one in forecasts),
        requesters=requesters,
        said=_said,
        back=_list_address(),
    )
    return page, 200 if is_valid else 400


def _list_address() -> str:
    """The list as the reviewer had it, where this form came from it."""
    own, came_from = url_for("admin_requests.requests"), urlsplit(request.referrer or "")
    if came_from.netloc != request.host or came_from.path != own:
        return own
    return access.safe_next(f"{own}?{came_from.query}") or own


def _said(refusal: DomainError) -> str:
    """Why a request is not decided, in the reader's language."""
    by_field = [translated(text, _) for texts in refusal.errors.values() for text in texts]
    return " ".join(by_field) or sentence(refusal)
