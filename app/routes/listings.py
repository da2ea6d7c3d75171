"""What a user does about tokens that somebody asks to have listed: support, and a hint while typing an address."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from app import access
from app.access import signed_in
from app.errors import sentence
from app.models.domain_error import AlreadyDecided, Forbidden
from app.services import listing_requests, supports

blueprint = Blueprint("listings", __name__, url_prefix="/requests")


@blueprint.get("/listing-hint")
@signed_in
def hint() -> ResponseReturnValue:
    """What stands beside the form as one types: what an address looks like, and whether its token is listed or asked for."""
    asked = {name: request.args.get(name, "") for name in ("blockchain", "contract_address")}
    shown = render_template("requests/listing_hint.html", hint=listing_requests.hint(current_user, **asked))
    return {"html": shown.strip()}


@blueprint.post("/<int(max=999_999_999_999):number>/support")
@signed_in
def support(number: int) -> ResponseReturnValue:
    """Supports somebody else's open listing request."""
    try:
        count = supports.support(current_user, number, by=access.actor())
    except (AlreadyDecided, Forbidden) as error:
        # Who decided, and how, is for its owner to hear.
        decided = _("Request #%(number)s is decided already.", number=number)
        flash(sentence(error) if isinstance(error, Forbidden) else decided, "error")
    else:
        told = _("You support request #%(number)s, and will hear of the decision.", number=number)
        supporters = ngettext("It has %(num)s supporter.", "It has %(num)s supporters.", count)
        flash(f"{told} {supporters}", "success")
    return redirect(url_for("requests.requests"), 303)
