"""What a reviewer does with a request: each is one form of its page, and leads back to it where it is refused."""

from collections.abc import Callable

from flask import Blueprint, flash, redirect, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import access
from app.access import requires
from app.errors import sentence
from app.forms.review import DecisionForm, NoteForm, ReopenForm, RevokeForm, SeenForm
from app.models.actor import Actor
from app.models.domain_error import (
    AlreadyDecided,
    Busy,
    ChangedMeanwhile,
    DomainError,
    Forbidden,
    InvalidInput,
    SlotTaken,
    WorkOutstanding,
)
from app.models.permission import Permission
from app.models.token_request import TokenRequest
from app.routes.admin import request_page
from app.routes.admin.requests import open_next
from app.routes.requests import NUMBER
from app.services import request_kinds, reservations, review, token_requests

blueprint = Blueprint("admin_request_decisions", __name__, url_prefix=f"/admin/requests{NUMBER}")

REFUSALS: tuple[type[DomainError], ...] = (
    *(AlreadyDecided, Busy, ChangedMeanwhile, Forbidden),
    *(InvalidInput, SlotTaken, WorkOutstanding),
)
Step = Callable[[Actor], TokenRequest]


@blueprint.post("/approve")
@requires(Permission.REQUESTS_REVIEW)
def approve(number: int) -> ResponseReturnValue:
    """Gives what was asked for."""
    token_request = token_requests.by_number(number)
    form = DecisionForm(token_request)

    def step(by: Actor) -> TokenRequest:
        return review.approve(
            token_request, by=by, version=form.seen_version, response=form.response.data, granted=form.amount
        )

    return _decide(number, form, step, _("Request #%(number)s is approved.", number=number))


@blueprint.post("/reject")
@requires(Permission.REQUESTS_REVIEW)
def reject(number: int) -> ResponseReturnValue:
    """Refuses, and says why where the kind needs it."""
    token_request = token_requests.by_number(number)
    form = DecisionForm(token_request, needs_words=token_request.kind in request_kinds.RESPONSE_REQUIRED)

    def step(by: Actor) -> TokenRequest:
        return review.reject(token_request, by=by, version=form.seen_version, response=form.response.data)

    return _decide(number, form, step, _("Request #%(number)s is rejected.", number=number))


@blueprint.post("/spam")
@requires(Permission.REQUESTS_REVIEW)
def mark_spam(number: int) -> ResponseReturnValue:
    """Puts away what was not meant seriously, without a word."""
    token_request = token_requests.by_number(number)
    form = DecisionForm(token_request)

    def step(by: Actor) -> TokenRequest:
        return review.mark_spam(token_request, by=by, version=form.seen_version)

    return _decide(number, form, step, _("Request #%(number)s is marked as spam.", number=number))


@blueprint.post("/ask")
@requires(Permission.REQUESTS_REVIEW)
def ask(number: int) -> ResponseReturnValue:
    """Asks the requester something."""
    token_request = token_requests.by_number(number)
    form = DecisionForm(token_request, needs_words=True)

    def step(by: Actor) -> TokenRequest:
        return review.ask(token_request, by=by, version=form.seen_version, question=form.response.data)

    return _decide(number, form, step, _("The user of request #%(number)s is asked.", number=number))


@blueprint.post("/reopen")
@requires(Permission.REQUESTS_REVIEW)
def reopen(number: int) -> ResponseReturnValue:
    """Takes a refusal back."""
    token_request, form = token_requests.by_number(number), ReopenForm()

    def step(by: Actor) -> TokenRequest:
        return review.reopen(token_request, by=by, version=form.seen_version, note=form.note.data)

    return _take(number, form, step, _("Request #%(number)s is pending again.", number=number))


@blueprint.post("/revoke")
@requires(Permission.REQUESTS_REVIEW)
def revoke(number: int) -> ResponseReturnValue:
    """Takes an approval back, and what is left of what it gave."""
    token_request, form = token_requests.by_number(number), RevokeForm()

    def step(by: Actor) -> TokenRequest:
        return review.revoke(token_request, by=by, version=form.seen_version, reason=form.reason.data)

    return _take(number, form, step, _("The approval of request #%(number)s is taken back.", number=number))


@blueprint.post("/note")
@requires(Permission.REQUESTS_REVIEW)
def add_note(number: int) -> ResponseReturnValue:
    """Keeps an internal note with the request."""
    token_request, form = token_requests.by_number(number), NoteForm()

    def step(by: Actor) -> TokenRequest:
        return review.add_note(token_request, by=by, text=form.text.data)

    return _take(number, form, step, _("The note is kept."))


@blueprint.post("/retry")
@requires(Permission.REQUESTS_REVIEW)
def retry(number: int) -> ResponseReturnValue:
    """Does once more what could not be done after a decision."""
    if review.retry(token_requests.by_number(number), by=access.actor()):
        flash(_("Everything that follows from the decision is done now."), "success")
    else:
        flash(_("Not everything could be done. The reason stands below."), "error")
    return redirect(url_for("admin_requests.show", number=number), 303)


@blueprint.post("/release")
@requires(Permission.REQUESTS_REVIEW)
def release(number: int) -> ResponseReturnValue:
    """Gives a request back that the reviewer has in hand."""
    reservations.release(token_requests.by_number(number), by=access.actor())
    flash(_("Request #%(number)s is free for others again.", number=number), "success")
    return redirect(url_for("admin_requests.requests"), 303)


def _take(
    number: int, form: SeenForm | NoteForm, step: Step, done: str, *, opens_next: bool = False
) -> ResponseReturnValue:
    """Takes the step that the form is for; what was written is kept where it is refused."""
    if not form.validate():
        return request_page.page(number, sent=form), 400
    try:
        step(access.actor())
    except REFUSALS as error:
        return request_page.page(number, sent=form, refusal=sentence(error)), error.status
    flash(done, "success")
    return open_next() if opens_next else redirect(url_for("admin_requests.show", number=number), 303)


def _decide(number: int, form: DecisionForm, step: Step, done: str) -> ResponseReturnValue:
    """The same for a decision, after which the reviewer may want the next request at once."""
    session[request_page.OPEN_NEXT] = form.open_next.data
    return _take(number, form, step, done, opens_next=form.open_next.data)
