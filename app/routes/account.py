"""The token account of whoever is signed in."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app import pagination
from app.access import signed_in
from app.models.account import EntryType
from app.services import ledger, token_accounts

blueprint = Blueprint("account", __name__)


@blueprint.get("/account")
@signed_in
def account() -> ResponseReturnValue:
    """What there is, and every change of it, newest first."""
    types = list(EntryType)
    chosen = pagination.chosen("type", types)
    entries = ledger.history(
        current_user.id,
        types=[EntryType(chosen)] if chosen else None,
        before_seq=pagination.before_number(),
        limit=pagination.FETCHED,
    )
    page = pagination.page(entries, key=lambda entry: entry["seq"], type=chosen)
    account = token_accounts.view(current_user.id)
    return render_template("account/account.html", account=account, page=page, types=types, chosen=chosen)
