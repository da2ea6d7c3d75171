"""Where the link under a mail leads: a page that asks first, since programs that preview links open them as well."""

from collections.abc import Callable

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from app.access import public
from app.extensions import csrf
from app.models.domain_error import LinkUnusable
from app.models.notice_mail import Topic
from app.models.user import User
from app.services import notice_mail

blueprint = Blueprint("unsubscribe", __name__, url_prefix="/unsubscribe")


@blueprint.get("/<notice_token>")
@public
def unsubscribe(notice_token: str) -> ResponseReturnValue:
    """Says which mails will end."""
    return _page(notice_token, notice_mail.read_link, ended=False)


@blueprint.post("/<notice_token>")
@csrf.exempt
@public
def end(notice_token: str) -> ResponseReturnValue:
    """Ends them, for whoever has the mail, signed in or not."""
    # A mailbox has a button of its own for this, and says so in the words of RFC 8058. Everybody else sends our form.
    if request.form.get("List-Unsubscribe") != "One-Click":
        csrf.protect()
    return _page(notice_token, notice_mail.unsubscribe, ended=True)


def _page(token: str, find: Callable[[str], tuple[User, Topic]], *, ended: bool) -> ResponseReturnValue:
    try:
        _user, topic = find(token)
    except LinkUnusable as error:
        return render_template("unsubscribe/unsubscribe.html"), error.status
    return render_template("unsubscribe/unsubscribe.html", topic=topic, ended=ended, token=token)
