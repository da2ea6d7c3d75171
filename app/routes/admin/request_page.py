"""The page of one request before a reviewer, which a refused decision leads back to with what was written."""

from typing import Any

from flask import render_template, session
from flask_login import current_user
from flask_wtf import FlaskForm

from app import clock
from app.forms.review import DecisionForm, NoteForm, ReopenForm, RevokeForm, SeenForm
from app.models.token_request import Role, Status, TokenRequest
from app.services import desk, request_kinds, revocations, token_accounts, token_requests, users

# Under this name the session keeps whether a decision leads on to the next request.
OPEN_NEXT = "open_next"
MOST_OTHERS = 10


def page(number: int, *, sent: FlaskForm | None = None, refusal: str | None = None) -> str:
    """The request as it is now, which a refused decision may well have been overtaken by; `sent` is the form that it came in."""
    token_request = token_requests.by_number(number)
    requester = users.by_ids([token_request.user]).get(token_request.user)
    is_own = token_request.user == current_user.id
    # Nothing can be given to, or taken from, a user who is gone.
    is_gone = requester is None or requester.deleted_at
    may = frozenset() if is_gone or is_own else token_request.steps_of(Role.REVIEWER)
    forms = _forms(token_request, may, sent)
    others = token_requests.mine(token_request.user, limit=MOST_OTHERS + 1)
    return render_template(
        "admin/requests/show.html",
        token_request=token_request,
        requester=requester,
        requester_account=token_accounts.view(requester.id) if requester else None,
        others=[other for other in others if other.number != number][:MOST_OTHERS],
        is_own=is_own,
        may=may,
        forms=forms,
        refusal=refusal,
        since_seen=_since_seen(token_request, sent) if refusal else None,
        # The form that they were written in may be gone from the page with what it was for.
        words=sent.words if isinstance(sent, SeenForm) and sent not in forms.values() else "",
        evidence=_evidence(token_request),
        needs_response=token_request.kind in request_kinds.RESPONSE_REQUIRED,
        now=clock.now(),
        **_about_revocation(token_request, may),
        **_neighbours(number),
    )


def _forms(token_request: TokenRequest, may: frozenset[Status], sent: FlaskForm | None) -> dict[str, FlaskForm]:
    """The forms that the page shows; the one that was sent as it was filled in, the others empty."""
    forms: dict[str, FlaskForm] = {"note": NoteForm(formdata=None)}
    if token_request.is_open and may:
        forms["decision"] = DecisionForm(token_request, formdata=None)
        forms["decision"].open_next.data = session.get(OPEN_NEXT, False)
    if Status.PENDING in may:
        forms["reopen"] = ReopenForm(formdata=None)
    if Status.REVOKED in may:
        forms["revoke"] = RevokeForm(formdata=None)
    return {name: sent if type(sent) is type(form) else form for name, form in forms.items()}


def _since_seen(token_request: TokenRequest, sent: FlaskForm | None) -> dict[str, Any] | None:
    """What has happened since the page was shown that the form came from: steps, and changes of the requester's own words."""
    if not isinstance(sent, SeenForm) or sent.seen_steps is None:
        return None
    steps = token_request.history[sent.seen_steps :]
    # Each step and each edit raises the version by one.
    return {"steps": steps, "edited": token_request.version - sent.seen_version > len(steps)}


def _evidence(token_request: TokenRequest) -> object | None:
    """What is known beside what the request says, for kinds of which something is."""
    known = request_kinds.EVIDENCE.get(token_request.kind)
    return known(token_request) if known else None


def _about_revocation(token_request: TokenRequest, may: frozenset[Status]) -> dict[str, Any]:
    would = revocations.preview(token_request) if Status.REVOKED in may else None
    has = revocations.outcome(token_request) if token_request.status == Status.REVOKED else None
    return {"would_return": would, "has_returned": has}


def _neighbours(number: int) -> dict[str, TokenRequest | None]:
    """The pending requests before and after this one."""
    pending = desk.Filters(statuses=[Status.PENDING])
    older = desk.page(pending, before=number, limit=1)
    newer = desk.page(pending, after=number, oldest_first=True, limit=1)
    return {"older": next(iter(older), None), "newer": next(iter(newer), None)}
