"""Changing a user: tier, phone number, roles and permissions, and whether they may sign in."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import access
from app.access import requires
from app.errors import sentence
from app.forms import refusal
from app.forms.user_change import PermissionsForm, PhoneForm, TierForm
from app.models.domain_error import (
    AlreadyExists,
    Busy,
    ChangedMeanwhile,
    DomainError,
    Forbidden,
    InvalidInput,
    LastAdmin,
    translated,
)
from app.models.permission import ROLES, Permission
from app.services import user_changes, users

blueprint = Blueprint("admin_user_changes", __name__, url_prefix="/admin/users/<user_id>")

REFUSALS = (AlreadyExists, Busy, ChangedMeanwhile, Forbidden, InvalidInput, LastAdmin)


@blueprint.get("/change")
@requires(Permission.USERS_MANAGE)
def change(user_id: str) -> ResponseReturnValue:
    """Every form that changes the user."""
    return _page(user_id)


@blueprint.post("/tier")
@requires(Permission.USERS_MANAGE)
def tier(user_id: str) -> ResponseReturnValue:
    """Puts the user on another tier."""
    form = TierForm().with_tiers()
    if not form.validate():
        return _page(user_id, tier_form=form), 400
    return _changed(
        user_changes.set_tier, user_id, form.tier.data, form=form, name="tier_form", reason=form.reason.data or ""
    )


@blueprint.post("/phone")
@requires(Permission.USERS_MANAGE)
def phone(user_id: str) -> ResponseReturnValue:
    """Sets or removes the phone number."""
    form = PhoneForm()
    if not form.validate():
        return _page(user_id, phone_form=form), 400
    return _changed(user_changes.set_phone, user_id, form.phone.data or "", form=form, name="phone_form")


@blueprint.post("/permissions")
@requires(Permission.USERS_MANAGE)
def permissions(user_id: str) -> ResponseReturnValue:
    """Gives the user exactly the permissions that are ticked; asks first where that takes some away."""
    user, form = users.get(user_id), PermissionsForm()
    if not form.validate():
        return _page(user_id, refused=" ".join(map(str, form.seen.errors)), permissions_form=form), 400
    chosen, seen = form.chosen(user), form.seen.data.split()
    try:
        taken = user_changes.taken_by(user.id, chosen, by=access.actor(), seen=seen)
    except REFUSALS as error:
        return _refused(user_id, error, form, "permissions_form"), error.status
    if taken and not form.confirmed.data:
        return render_template("admin/user_changes/permissions.html", user=user, form=form, taken=taken)
    return _changed(user_changes.set_permissions, user_id, chosen, form=form, name="permissions_form", seen=seen)


@blueprint.post("/roles/<role>/give")
@requires(Permission.USERS_MANAGE)
def give_role(user_id: str, role: str) -> ResponseReturnValue:
    """Adds what a role may."""
    return _changed(user_changes.grant_role, user_id, _role(role))


@blueprint.post("/roles/<role>/take")
@requires(Permission.USERS_MANAGE)
def take_role(user_id: str, role: str) -> ResponseReturnValue:
    """Takes away what a role may."""
    return _changed(user_changes.revoke_role, user_id, _role(role))


@blueprint.post("/deactivate")
@requires(Permission.USERS_MANAGE)
def deactivate(user_id: str) -> ResponseReturnValue:
    """Shuts the user out."""
    return _changed(user_changes.deactivate, user_id)


@blueprint.post("/activate")
@requires(Permission.USERS_MANAGE)
def activate(user_id: str) -> ResponseReturnValue:
    """Lets the user in again."""
    return _changed(user_changes.activate, user_id)


def _role(name: str) -> str:
    if name not in ROLES:
        abort(404)
    return name


def _changed(
    change: Callable[..., Any], user_id: str, *values: Any, form: Any = None, name: str = "", **more: Any
) -> ResponseReturnValue:
    """Does the change and goes back to the forms; a refusal is shown at its field, or above where it has none."""
    user = users.get(user_id)
    try:
        change(user.id, *values, by=access.actor(), **more)
    except REFUSALS as error:
        return _refused(user_id, error, form, name), error.status
    flash(_("The change to %(name)s is made.", name=user.display_name), "success")
    return redirect(url_for("admin_user_changes.change", user_id=user.id), 303)


def _refused(user_id: str, error: DomainError, form: Any, name: str) -> str:
    if form is not None and error.errors and all(field in form for field in error.errors):
        refusal.show(form, error)
        return _page(user_id, **{name: form})
    # What is about no field of this form, such as an address that ADMIN_EMAILS does not name.
    said = [translated(text, _) for texts in error.errors.values() for text in texts]
    return _page(user_id, refused=" ".join(said) or sentence(error), **({name: form} if form is not None else {}))


def _page(user_id: str, *, refused: str | None = None, **forms: Any) -> str:
    user = users.get(user_id)
    shown = {
        "tier_form": TierForm(formdata=None, tier=user.tier).with_tiers(),
        "phone_form": PhoneForm(formdata=None, phone=user.phone),
        "permissions_form": PermissionsForm(formdata=None, permissions=user.permissions),
    }
    roles = [
        {"name": name, "permissions": sorted(given), "is_held": given <= set(user.permissions)}
        for name, given in ROLES.items()
    ]
    return render_template("admin/user_changes/change.html", user=user, refused=refused, roles=roles, **shown | forms)
