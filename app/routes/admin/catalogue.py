"""The catalogue for those who look after it: what is listed, and taking something out."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import access
from app.access import requires
from app.forms import refusal
from app.forms.catalogue_removal import CatalogueRemovalForm
from app.models.domain_error import InvalidInput
from app.models.permission import Permission
from app.routes.catalogue import found
from app.services import catalogue as service
from app.services import catalogue_removal, token_list

blueprint = Blueprint("admin_catalogue", __name__, url_prefix="/admin/catalogue")


@blueprint.get("")
@requires(Permission.CATALOGUE_MANAGE)
def catalogue() -> ResponseReturnValue:
    """What is listed, newest first, with the same search as the public page, and what was published of it."""
    return render_template("admin/catalogue/catalogue.html", **found(), published=token_list.published())


@blueprint.route("/<int(max=999_999_999_999):number>/remove", methods=["GET", "POST"])
@requires(Permission.CATALOGUE_MANAGE)
def remove(number: int) -> ResponseReturnValue:
    """Asks for the reason, and takes a token out."""
    token, form = service.find(number), CatalogueRemovalForm()
    if not form.validate_on_submit():
        return _removal_page(number, form), 400 if form.is_submitted() else 200
    try:
        catalogue_removal.remove(token, by=access.actor(), reason=form.reason.data)
    except InvalidInput as error:
        refusal.show(form, error)
        return _removal_page(number, form), error.status
    flash(_("%(symbol)s is out of the catalogue.", symbol=token.symbol), "success")
    return redirect(url_for("admin_catalogue.catalogue"), 303)


def _removal_page(number: int, form: CatalogueRemovalForm) -> str:
    return render_template("admin/catalogue/remove.html", token=service.find(number), form=form)
