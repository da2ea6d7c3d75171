"""Resetting a user's account and adding a bonus: each shows what it would do, asks for a reason, and is done once."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_decimal, ngettext

from app import access
from app.access import requires
from app.forms import refusal
from app.forms.account_change import BonusForm, ResetForm
from app.models.domain_error import N_, BalanceTooLarge, DomainError, InvalidInput, KeyReused, TooManyGrants
from app.models.permission import Permission
from app.models.user import User
from app.services import account_preview, token_accounts, users

blueprint = Blueprint("admin_user_tokens", __name__, url_prefix="/admin/users/<user_id>")

REFUSALS = (InvalidInput, KeyReused, BalanceTooLarge, TooManyGrants)
SENT_BEFORE = N_("This form was sent before, with something else in it. Look at the account, then start again.")


@blueprint.get("/reset")
@requires(Permission.USERS_MANAGE)
def reset(user_id: str) -> ResponseReturnValue:
    """What a reset would give back, and the form that does it."""
    return _reset_page(_other(user_id), ResetForm())


@blueprint.post("/reset")
@requires(Permission.USERS_MANAGE)
def do_reset(user_id: str) -> ResponseReturnValue:
    """Resets the account, once for each form."""
    user, form = _other(user_id), ResetForm()
    if not form.validate():
        return _reset_page(user, form), 400
    try:
        done = token_accounts.reset(
            user.id, by=access.actor(), reason=form.reason.data, key=f"admin:reset:{form.key.data}"
        )
    except REFUSALS as error:
        _show(form, error)
        return _reset_page(user, form), error.status
    said = ngettext(
        "The account is reset: %(tokens)s token came back.",
        "The account is reset: %(tokens)s tokens came back.",
        done.amount,
        tokens=format_decimal(done.amount),
    )
    flash(said, "success")
    return redirect(url_for("admin_users.show", user_id=user.id), 303)


@blueprint.get("/bonus")
@requires(Permission.USERS_MANAGE)
def bonus(user_id: str) -> ResponseReturnValue:
    """The form for an amount and a reason; filled in, what the bonus would do, so that going back brings the same page."""
    user = _other(user_id)
    if "amount" not in request.args:
        return _bonus_page(user, BonusForm(formdata=None))
    form = BonusForm(request.args, meta={"csrf": False})
    if not form.validate():
        return _bonus_page(user, form), 400
    if form.step.data == "edit":
        return _bonus_page(user, form)
    try:
        preview = account_preview.bonus(user.id, form.tokens)
    except REFUSALS as error:
        return _refused_bonus(user, form, error)
    return render_template("admin/user_tokens/preview.html", user=user, form=form, preview=preview)


@blueprint.post("/bonus")
@requires(Permission.USERS_MANAGE)
def do_bonus(user_id: str) -> ResponseReturnValue:
    """Adds the bonus, once for each form."""
    user, form = _other(user_id), BonusForm()
    if not form.validate():
        return _bonus_page(user, form), 400
    key = f"admin:bonus:{form.key.data}"
    try:
        token_accounts.add_bonus(user.id, form.tokens, by=access.actor(), reason=form.reason.data, key=key)
    except REFUSALS as error:
        return _refused_bonus(user, form, error)
    tokens = format_decimal(form.tokens)
    flash(ngettext("%(tokens)s token is added.", "%(tokens)s tokens are added.", form.tokens, tokens=tokens), "success")
    return redirect(url_for("admin_users.show", user_id=user.id), 303)


def _other(user_id: str) -> User:
    """The user whose tokens are to be changed; nobody comes here for their own."""
    user = users.get(user_id)
    token_accounts.check_is_not_own(user.id, by=access.actor())
    return user


def _reset_page(user: User, form: ResetForm) -> str:
    return render_template("admin/user_tokens/reset.html", user=user, form=form, preview=account_preview.reset(user.id))


def _bonus_page(user: User, form: BonusForm) -> str:
    user_account = token_accounts.view(user.id)
    return render_template("admin/user_tokens/bonus.html", user=user, form=form, user_account=user_account)


def _refused_bonus(user: User, form: BonusForm, error: DomainError) -> ResponseReturnValue:
    _show(form, error)
    return _bonus_page(user, form), error.status


def _show(form: ResetForm, error: DomainError) -> None:
    refusal.show(form, KeyReused(SENT_BEFORE) if isinstance(error, KeyReused) else error)
