"""What admins may take along of a user."""

from flask import Blueprint, Response

from app.access import requires
from app.exports import Format
from app.models.permission import Permission
from app.routes import downloads
from app.services import users

blueprint = Blueprint("admin_export", __name__, url_prefix="/admin/users/<user_id>")


@blueprint.get("/ledger.csv")
@requires(Permission.USERS_READ)
def ledger_csv(user_id: str) -> Response:
    """A user's ledger, for a spreadsheet."""
    return downloads.ledger(users.get(user_id).id, Format.CSV)


@blueprint.get("/ledger.jsonl")
@requires(Permission.USERS_READ)
def ledger_jsonl(user_id: str) -> Response:
    """A user's ledger, for a program."""
    return downloads.ledger(users.get(user_id).id, Format.JSON_LINES)
