"""What a user asks for: the list of it, asking, one request, and what its owner may do with it."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from flask_wtf import FlaskForm

from app import access, pagination
from app.access import signed_in
from app.forms import refusal
from app.forms.own_request import AnswerForm, SeenForm
from app.forms.token_request import FORMS
from app.models.domain_error import AlreadyDecided, ChangedMeanwhile, DomainError, InvalidInput
from app.models.token_request import Role, Status, TokenRequest
from app.services import queue, request_kinds, request_offers, review, supports, token_requests

blueprint = Blueprint("requests", __name__, url_prefix="/requests")

# Numbers beyond this are no request's, and more than the database can look for.
NUMBER = "/<int(max=999_999_999_999):number>"


@blueprint.get("")
@signed_in
def requests() -> ResponseReturnValue:
    """The user's own requests, newest first, and what may be asked for now."""
    kinds = list(FORMS)
    chosen = pagination.chosen("kind", kinds)
    found = token_requests.mine(
        current_user.id, kind=chosen, before=pagination.before_number(), limit=pagination.FETCHED
    )
    page = pagination.page(found, key=lambda one: one.number, kind=chosen)
    offers = request_offers.offers(current_user)
    return render_template("requests/requests.html", page=page, kinds=kinds, chosen=chosen, offers=offers)


@blueprint.route("/new", methods=["GET", "POST"])
@signed_in
def new() -> ResponseReturnValue:
    """The form to ask for something of the address's kind, or why asking is not possible; without a kind, the choice."""
    kind = pagination.chosen("kind", list(FORMS))
    if kind is None:
        page = render_template("requests/choose.html", offers=request_offers.offers(current_user))
        return page, 400 if request.method == "POST" else 200
    form = FORMS[kind]()
    if not form.validate_on_submit():
        return _new_page(kind, form), 400 if form.is_submitted() else 200
    try:
        token_request = request_kinds.SUBMIT[kind](current_user, by=access.actor(), **form.arguments())
    except DomainError as error:
        return _not_sent(kind, form, error)
    flash(_("Your request #%(number)s was sent.", number=token_request.number), "success")
    return _to(token_request.number)


def _not_sent(kind: str, form: FlaskForm, error: DomainError) -> ResponseReturnValue:
    """Leads to the request where it was sent before, from another tab or twice; else says why not, and keeps the words."""
    if earlier := token_requests.repeated(current_user.id, error.values.get("number"), form.arguments()):
        flash(_("You have sent this already, as request #%(number)s.", number=earlier.number), "info")
        return _to(earlier.number)
    refusal.show(form, error)
    return _new_page(kind, form, error), error.status


def _new_page(kind: str, form: FlaskForm, refused: DomainError | None = None) -> str:
    eligibility = request_kinds.ELIGIBILITY[kind](current_user)
    return render_template("requests/new.html", kind_key=kind, form=form, eligibility=eligibility, refused=refused)


@blueprint.get(NUMBER)
@signed_in
def show(number: int) -> ResponseReturnValue:
    """One of the user's own requests: where it stands, and what the user may do now."""
    return _page(token_requests.own(current_user.id, number))


def _page(token_request: TokenRequest, *, answer: AnswerForm | None = None, lost: FlaskForm | None = None) -> str:
    """`answer` is the form as it was filled in; `lost` a form that came too late, of which the words are kept."""
    waits = token_request.status == Status.PENDING
    return render_template(
        "requests/show.html",
        token_request=token_request,
        may=token_request.steps_of(Role.OWNER),
        may_edit=waits and token_request.kind in request_kinds.EDIT,
        place=queue.place(token_request) if waits else None,
        most_ahead=queue.MOST_AHEAD,
        usual_seconds=queue.usual_seconds(token_request.kind) if waits else None,
        supporters=supports.count(token_request) if token_request.kind in request_kinds.SUPPORTED else None,
        answer=answer or AnswerForm(formdata=None, obj=token_request),
        lost=lost,
    )


@blueprint.route(f"{NUMBER}/edit", methods=["GET", "POST"])
@signed_in
def edit(number: int) -> ResponseReturnValue:
    """Changes what the user wrote, while nobody has decided; for kinds that have something to change."""
    token_request = token_requests.own(current_user.id, number)
    if token_request.kind not in request_kinds.EDIT:
        abort(404)
    form, seen = FORMS[token_request.kind](obj=token_request), SeenForm(obj=token_request)
    if not form.is_submitted():
        return _edit_page(token_request, form, seen) if token_request.status == Status.PENDING else _to(number)
    if not (form.validate() and seen.validate()):
        return _edit_page(token_request, form, seen), 400
    try:
        request_kinds.EDIT[token_request.kind](token_request, version=seen.seen_version, **form.arguments())
    except DomainError as error:
        return _not_changed(number, form, seen, error)
    flash(_("Request #%(number)s is changed.", number=number), "success")
    return _to(number)


def _not_changed(number: int, form: FlaskForm, seen: SeenForm, error: DomainError) -> ResponseReturnValue:
    """What was written stays in the form; of a request that changed meanwhile, the form is then of what it is now."""
    token_request = token_requests.own(current_user.id, number)
    if isinstance(error, AlreadyDecided):
        return _page(token_request, lost=form), error.status
    if not isinstance(error, ChangedMeanwhile):
        refusal.show(form, error)
        return _edit_page(token_request, form, seen, refused=error), error.status
    if token_requests.says(token_request, form.arguments()):
        return _to(number)  # The same change, sent twice.
    seen.version.data = token_request.version
    return _edit_page(token_request, form, seen, is_stale=True), error.status


def _edit_page(
    token_request: TokenRequest,
    form: FlaskForm,
    seen: SeenForm,
    *,
    is_stale: bool = False,
    refused: DomainError | None = None,
) -> str:
    shown = {"token_request": token_request, "form": form, "seen": seen}
    return render_template("requests/edit.html", **shown, is_stale=is_stale, refused=refused)


@blueprint.post(f"{NUMBER}/answer")
@signed_in
def answer(number: int) -> ResponseReturnValue:
    """Answers what a reviewer asked; the request is pending again."""
    token_request, form = token_requests.own(current_user.id, number), AnswerForm()
    if not form.validate():
        return _page(token_request, answer=form), 400
    try:
        review.answer(token_request, by=access.actor(), version=form.seen_version, answer=form.answer.data)
    except InvalidInput as error:
        refusal.show(form, error)
        return _page(token_request, answer=form), error.status
    except (AlreadyDecided, ChangedMeanwhile) as error:
        return _page(token_requests.own(current_user.id, number), lost=form), error.status
    flash(_("Your answer was sent."), "success")
    return _to(number)


@blueprint.post(f"{NUMBER}/withdraw")
@signed_in
def withdraw(number: int) -> ResponseReturnValue:
    """Takes one of the user's own requests back, while nobody has decided it."""
    token_request = token_requests.own(current_user.id, number)
    try:
        review.withdraw(token_request, by=access.actor())
    except AlreadyDecided:
        # Neither who decided nor that it was called spam is for the owner to hear, so the refusal's own words are not used.
        flash(_("Request #%(number)s cannot be withdrawn any more. This is where it stands.", number=number), "error")
    else:
        flash(_("Request #%(number)s is withdrawn.", number=number), "success")
    return _to(number)


def _to(number: int) -> ResponseReturnValue:
    return redirect(url_for("requests.show", number=number), 303)
