"""A user's own API keys: the list of them, making one, revoking one."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app import access, pagination
from app.access import signed_in
from app.errors import sentence
from app.forms import refusal
from app.forms.api_key import ApiKeyForm
from app.models.domain_error import AlreadyExists, Forbidden, InvalidInput
from app.services import api_keys as service

blueprint = Blueprint("settings_api_keys", __name__, url_prefix="/settings/api-keys")


@blueprint.route("", methods=["GET", "POST"])
@signed_in
def api_keys() -> ResponseReturnValue:
    """The user's keys and the form for another one. What it makes is shown on this very response, and never again."""
    form = ApiKeyForm.of(current_user)
    if not form.validate_on_submit():
        return _page(form), 400 if form.is_submitted() else 200
    wishes = {"name": form.name.data, "scopes": form.scopes.data, "expires_at": form.expires_at}
    try:
        api_key, secret = service.create(current_user.id, **wishes, by=access.actor(), idempotency_key=form.key.data)
    except AlreadyExists as error:
        flash(sentence(error), "warning")
        return redirect(url_for("settings_api_keys.api_keys"), 303)
    except (Forbidden, InvalidInput) as error:
        refusal.show(form, error)
        return _page(form), error.status
    # No redirect: the secret would have to wait for it somewhere. Whoever loads this response again sends the same form.
    return render_template("settings/api_key_created.html", api_key=api_key, secret=secret), 201


@blueprint.post("/<key_id>/revoke")
@signed_in
def revoke(key_id: str) -> ResponseReturnValue:
    """Ends one of the user's keys at once."""
    api_key = service.revoke(service.own(current_user.id, key_id).id, by=access.actor())
    flash(_("The API key “%(name)s” is revoked.", name=api_key.name), "success")
    return redirect(url_for("settings_api_keys.api_keys"), 303)


def _page(form: ApiKeyForm) -> str:
    mine = service.page(owner=current_user.id, before=pagination.before_id(), limit=pagination.FETCHED)
    page = pagination.page(mine, key=lambda api_key: api_key.id)
    return render_template("settings/api_keys.html", form=form, page=page)
