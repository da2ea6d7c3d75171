"""What whoever is signed in may take along of their own."""

from flask import Blueprint, Response
from flask_login import current_user

from app.access import signed_in
from app.exports import Format
from app.routes import downloads

blueprint = Blueprint("account_export", __name__)


@blueprint.get("/account/ledger.csv")
@signed_in
def ledger_csv() -> Response:
    """The ledger, for a spreadsheet."""
    return downloads.ledger(current_user.id, Format.CSV)


@blueprint.get("/account/ledger.jsonl")
@signed_in
def ledger_jsonl() -> Response:
    """The ledger, for a program."""
    return downloads.ledger(current_user.id, Format.JSON_LINES)
