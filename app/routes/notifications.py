"""What the user was told."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app import pagination
from app.access import signed_in
from app.services import notifications as service

blueprint = Blueprint("notifications", __name__)


@blueprint.get("/notifications")
@signed_in
def notifications() -> ResponseReturnValue:
    """All of it, newest first."""
    told = service.page(current_user.id, before=pagination.before_id(), limit=pagination.FETCHED)
    page = pagination.page(told, key=lambda notification: notification.id)
    return render_template("notifications/notifications.html", page=page)


@blueprint.post("/notifications/<notification_id>/open")
@signed_in
def open_(notification_id: str) -> ResponseReturnValue:
    """Marks one read, and leads to what it is about."""
    notification = service.mark_read(current_user.id, notification_id)
    return redirect(notification.url or url_for("notifications.notifications"), 303)


@blueprint.post("/notifications/read")
@signed_in
def mark_all_read() -> ResponseReturnValue:
    """Marks everything read."""
    service.mark_all_read(current_user.id)
    flash(_("All notifications are marked as read."), "success")
    return redirect(url_for("notifications.notifications"), 303)
