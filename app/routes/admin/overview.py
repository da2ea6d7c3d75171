"""Where an admin begins: what waits, and what all accounts come to."""

from contextlib import suppress
from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.access import requires_any_permission
from app.models.domain_error import FiguresNotTaken
from app.models.permission import Permission
from app.services import daily_figures, desk, statistics, users

blueprint = Blueprint("admin_overview", __name__, url_prefix="/admin")

DAYS = 30


@blueprint.get("")
@requires_any_permission
def overview() -> ResponseReturnValue:
    """The figures that the admin's own permissions cover."""
    shown: dict[str, Any] = {}
    if current_user.has(Permission.USERS_READ):
        # Until a worker has taken them once, the page says so.
        with suppress(FiguresNotTaken):
            shown |= {"overview": statistics.overview(), "days": daily_figures.days(DAYS)}
    if current_user.has(Permission.REQUESTS_REVIEW):
        oldest = desk.oldest_pending()
        requester = users.get(oldest.user) if oldest else None
        shown |= {"pending": desk.pending_count(), "oldest": oldest, "requester": requester}
    return render_template("admin/overview.html", **shown)
