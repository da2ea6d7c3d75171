"""Where an admin begins: what waits."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.access import requires_any_permission
from app.models.permission import Permission
from app.services import token_requests, users

blueprint = Blueprint("admin_overview", __name__, url_prefix="/admin")


@blueprint.get("")
@requires_any_permission
def overview() -> ResponseReturnValue:
    """The figures that the admin's own permissions cover."""
    if not current_user.has(Permission.REQUESTS_REVIEW):
        return render_template("admin/overview.html")
    oldest = token_requests.oldest_pending()
    requester = users.get(oldest.user) if oldest else None
    pending = token_requests.pending_count()
    return render_template("admin/overview.html", pending=pending, oldest=oldest, requester=requester)
