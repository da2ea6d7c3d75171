"""The users: the list with its filters and search, and all that is known of one of them."""

from functools import partial

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app import pagination
from app.access import requires
from app.models.permission import Permission
from app.routes import ledger_query
from app.services import account_moment, desk, orders, token_requests, user_list
from app.services import users as people
from app.services.user_list import Filters

blueprint = Blueprint("admin_users", __name__, url_prefix="/admin/users")

YES_OR_NO = ("1", "0")
LAST_REQUESTS = LAST_ORDERS = 5


@blueprint.get("")
@requires(Permission.USERS_READ)
def users() -> ResponseReturnValue:
    """All users, newest first, or those whom a search finds."""
    tiers, sought = user_list.tiers(), request.args.get("q", "").strip()
    chosen = {
        "tier": pagination.chosen("tier", tiers),
        "active": pagination.chosen("active", YES_OR_NO),
        "out": pagination.chosen("out", YES_OR_NO),
    }
    filters = Filters([chosen["tier"]] if chosen["tier"] else tiers, _values(chosen["active"]), _values(chosen["out"]))
    found = user_list.search(sought, filters, limit=pagination.SIZE) if sought else None
    rows = found.users if found else user_list.page(filters, before=pagination.before_id(), limit=pagination.FETCHED)
    page = pagination.page(rows, key=lambda user: user.id, **chosen)
    return render_template(
        "admin/users/users.html",
        page=page,
        accounts=user_list.accounts_of(page.rows),
        found=found,
        total=None if found else user_list.count(filters),
        most_counted=user_list.MOST_COUNTED,
        sought=sought,
        chosen=chosen,
        tiers=tiers,
    )


@blueprint.get("/<user_id>")
@requires(Permission.USERS_READ)
def show(user_id: str) -> ResponseReturnValue:
    """Who a user is, their account with every change of it, and what they asked for."""
    user = people.get(user_id)
    moment = account_moment.take(user.id)
    requests = token_requests.mine(user.id, limit=LAST_REQUESTS + 1)
    bought = orders.mine(user.id, limit=LAST_ORDERS + 1) if current_user.has(Permission.BILLING_MANAGE) else []
    return render_template(
        "admin/users/show.html",
        user=user,
        user_account=moment.account,
        requests=requests[:LAST_REQUESTS],
        # Few have more requests than fit here, so few have to be counted.
        request_count=len(requests) if len(requests) <= LAST_REQUESTS else desk.count(desk.Filters(users=[user.id])),
        orders=bought[:LAST_ORDERS],
        has_more_orders=len(bought) > LAST_ORDERS,
        explain_url=partial(url_for, "admin_explanation.explain", user_id=user.id),
        **ledger_query.shown(moment),
    )


def _values(chosen: str | None) -> tuple[bool, ...]:
    """What an address means by 1, by 0, or by naming neither."""
    return (False, True) if chosen is None else (chosen == "1",)
