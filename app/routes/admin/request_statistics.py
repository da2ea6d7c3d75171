"""What all requests come to, for reviewers."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from app.access import requires
from app.errors import sentence
from app.models.domain_error import FiguresNotTaken
from app.models.permission import Permission
from app.models.token_request import Status
from app.services import request_statistics

blueprint = Blueprint("admin_request_statistics", __name__, url_prefix="/admin/requests")


@blueprint.get("/statistics")
@requires(Permission.REQUESTS_REVIEW)
def statistics() -> ResponseReturnValue:
    """The figures as they were last taken."""
    try:
        overview = request_statistics.overview()
    except FiguresNotTaken as error:
        return render_template("admin/request_statistics/statistics.html", overview=None, not_taken=sentence(error))
    days = [{"date": day.date, "total": day.total, **day.kinds} for day in overview.days]
    return render_template("admin/request_statistics/statistics.html", overview=overview, days=days, statuses=Status)
