"""The desk: every request of every kind in one list, one of them, and the way to the next one."""

from functools import partial

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import access, clock, pagination
from app.access import requires
from app.models.blockchain import BLOCKCHAINS
from app.models.permission import Permission
from app.models.token_request import Status, TokenRequest
from app.routes.admin import desk_address, request_page
from app.routes.admin.desk_address import Asked
from app.routes.requests import NUMBER
from app.services import desk, request_kinds, request_statistics, reservations, token_requests, users

blueprint = Blueprint("admin_requests", __name__, url_prefix="/admin")

# Where effects have failed, the list says so and leads to the first of them; `flask requests list --stuck` has all.
MOST_STUCK = 5


@blueprint.get("/requests")
@requires(Permission.REQUESTS_REVIEW)
def requests() -> ResponseReturnValue:
    """One list over all kinds, newest first; it opens on what is pending."""
    asked = desk_address.asked()
    if not asked.form.validate():
        return _list(asked, desk.Filters(users=())), 400
    filters, more = asked.filters()
    return _list(asked, filters, more=more)


def _list(asked: Asked, filters: desk.Filters, *, more: bool = False) -> str:
    fetch = partial(desk.page, filters)
    total = desk.count(filters)
    page = pagination.both_ways(fetch, key=_number, oldest_first=asked.oldest_first, **asked.choices())
    return render_template(
        "admin/requests/requests.html",
        asked=asked,
        page=page,
        requesters=users.by_ids(token_request.user for token_request in page.rows),
        chosen_user=next(iter(users.by_ids(filters.users or ()).values()), None) if asked.user else None,
        more=more,
        total=total,
        # Of lists that are too long to count, what the worker counted last.
        kept_total=request_statistics.total_of(filters) if total == desk.MOST_COUNTED else None,
        most_counted=desk.MOST_COUNTED,
        pending=desk.pending_count(),
        stuck=token_requests.stuck(MOST_STUCK),
        choices=[*Status, desk_address.ALL],
        kinds=list(request_kinds.ON_APPROVAL),
        chains=list(BLOCKCHAINS),
        now=clock.now(),
    )


def _number(token_request: TokenRequest) -> int:
    return int(token_request.number)


# What two of the products that this one grew from call their lists.
@blueprint.get("/token-requests")
@requires(Permission.REQUESTS_REVIEW)
def token_requests_list() -> ResponseReturnValue:
    """The way to the requests for tokens."""
    return redirect(url_for("admin_requests.requests", kind="quota"), 303)


@blueprint.get("/beta-requests")
@requires(Permission.REQUESTS_REVIEW)
def beta_requests_list() -> ResponseReturnValue:
    """The way to the requests for the beta program."""
    return redirect(url_for("admin_requests.requests", kind="beta"), 303)


@blueprint.post("/requests/next")
@requires(Permission.REQUESTS_REVIEW)
def review_next() -> ResponseReturnValue:
    """Takes the request in hand that has waited longest, and opens it."""
    return open_next()


@blueprint.get(f"/requests{NUMBER}")
@requires(Permission.REQUESTS_REVIEW)
def show(number: int) -> ResponseReturnValue:
    """All that is known of one request, and what can be done with it."""
    return request_page.page(number)


def open_next() -> ResponseReturnValue:
    """The way to the next request, which is the caller's for a while; to the list where none is left."""
    token_request = reservations.next_for(access.actor())
    if token_request is not None:
        return redirect(url_for("admin_requests.show", number=token_request.number), 303)
    flash(_("Nothing is left to review: what still waits is your own, or in somebody's hands."), "info")
    return redirect(url_for("admin_requests.requests"), 303)
