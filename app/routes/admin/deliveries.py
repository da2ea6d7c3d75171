"""What leaves this site by mail and webhook: the list, and another try for what has not arrived."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import access, pagination
from app.access import requires
from app.errors import sentence
from app.models.delivery import State
from app.models.domain_error import ChangedByOther
from app.models.permission import Permission
from app.services import deliveries as service
from app.services import delivery_attempts, users, webhooks

blueprint = Blueprint("admin_deliveries", __name__, url_prefix="/admin/deliveries")

# What the list can show, and which states that is.
SHOWN = {"waiting": (State.WAITING, State.SENDING), "dead": (State.DEAD,), "sent": (State.SENT,)}


@blueprint.get("")
@requires(Permission.SETTINGS_MANAGE)
def deliveries() -> ResponseReturnValue:
    """Newest first, all or by how far they have come."""
    chosen = pagination.chosen("state", list(SHOWN))
    found = service.page(*SHOWN.get(chosen or "", ()), before=pagination.before_id(), limit=pagination.FETCHED)
    page = pagination.page(found, key=lambda delivery: delivery.id, state=chosen)
    return render_template(
        "admin/deliveries/deliveries.html",
        page=page,
        chosen=chosen,
        shown=SHOWN,
        people=users.by_ids(one.user for one in page.rows if one.user),
        receivers=webhooks.urls(one.webhook for one in page.rows if one.webhook),
    )


@blueprint.post("/<delivery_id>/retry")
@requires(Permission.SETTINGS_MANAGE)
def retry(delivery_id: str) -> ResponseReturnValue:
    """Has a worker try it again at once."""
    try:
        delivery_attempts.retry(service.get(delivery_id), by=access.actor())
    except ChangedByOther as error:
        flash(sentence(error), "warning")
    else:
        flash(_("It is tried again within seconds."), "success")
    return redirect(url_for("admin_deliveries.deliveries"), 303)
