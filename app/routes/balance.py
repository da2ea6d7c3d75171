"""The balance in the header, as open pages ask for it again and again."""

from typing import Any

from flask import Blueprint, current_app, jsonify, request
from flask.typing import ResponseReturnValue
from flask_babel import format_decimal, ngettext
from flask_login import current_user

from app.access import asked_by_itself, signed_in
from app.models.account import Account
from app.presentation import short_number
from app.services import token_accounts

blueprint = Blueprint("balance", __name__)


@blueprint.get("/account/balance")
@signed_in
@asked_by_itself
def balance() -> ResponseReturnValue:
    """What is available now; 304 where that is what the page shows already."""
    response = jsonify(told(token_accounts.view(current_user.id)))
    response.add_etag()
    return response.make_conditional(request)


def told(account: Account) -> dict[str, Any]:
    """What the header shows of the account, in the reader's language."""
    return {
        "available": account.available,
        "shown": short_number(account.available),
        "title": ngettext(
            "%(tokens)s token available",
            "%(tokens)s tokens available",
            account.available,
            tokens=format_decimal(account.available),
        ),
        "is_low": account.available < current_app.config["LOW_BALANCE_TOKENS"],
    }
