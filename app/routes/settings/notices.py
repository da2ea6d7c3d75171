"""Which notices come by mail."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app.access import signed_in
from app.forms import refusal
from app.forms.notices import NoticesForm
from app.models.domain_error import InvalidInput
from app.models.permission import Permission
from app.services import notice_mail

blueprint = Blueprint("settings_notices", __name__, url_prefix="/settings/notices")


@blueprint.route("", methods=["GET", "POST"])
@signed_in
def notices() -> ResponseReturnValue:
    """The form, and what it is sent to."""
    form, reviews = NoticesForm.of(current_user), current_user.has(Permission.REQUESTS_REVIEW)
    if not reviews:
        form.review.data = current_user.review_mail
    if not form.validate_on_submit():
        return _page(form, reviews, 400 if form.is_submitted() else 200)
    try:
        notice_mail.choose(current_user.id, topics=form.topics.data or [], review=form.review.data)
    except InvalidInput as error:
        refusal.show(form, error)
        return _page(form, reviews, error.status)
    flash(_("Your settings are saved."), "success")
    return redirect(url_for("settings_notices.notices"), 303)


def _page(form: NoticesForm, reviews: bool, status: int) -> ResponseReturnValue:
    return render_template("settings/notices.html", form=form, reviews=reviews), status
