"""The desk's list to take along: what the list shows under the same address, all pages of it."""

from flask import Blueprint, Response, abort
from flask_babel import gettext as _

from app import access
from app.access import requires
from app.exports import Format
from app.models.permission import Permission
from app.routes import downloads
from app.routes.admin import desk_address
from app.services import request_export

blueprint = Blueprint("admin_request_export", __name__, url_prefix="/admin")


@blueprint.get("/requests.csv")
@requires(Permission.REQUESTS_REVIEW)
def requests_csv() -> Response:
    """The list, for a spreadsheet."""
    return _list(Format.CSV)


@blueprint.get("/requests.jsonl")
@requires(Permission.REQUESTS_REVIEW)
def requests_jsonl() -> Response:
    """The list, for a program."""
    return _list(Format.JSON_LINES)


def _list(format_: Format) -> Response:
    asked = desk_address.asked()
    if not asked.form.validate():
        abort(400, _("The address asks for something that there is not in this list."))
    filters, _more = asked.filters()
    rows = request_export.rows(filters, oldest_first=asked.oldest_first, by=access.actor())
    return downloads.streaming_response("requests", format_, rows, request_export.COLUMNS)
