"""A user's own two-factor sign-in: setting it up, recovery codes, turning it off."""

import segno
from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app import access
from app.access import signed_in
from app.errors import sentence
from app.forms import refusal
from app.forms.two_factor import AppForm, CodeForm, KeptForm, ReplaceAppForm, SetupForm
from app.models.domain_error import (
    AlreadyExists,
    Forbidden,
    InvalidInput,
    NotFound,
    TooManyAttempts,
    TwoFactorNeeded,
    WrongCode,
)
from app.services import login_sessions, two_factor_codes
from app.services import two_factor as service

blueprint = Blueprint("settings_two_factor", __name__, url_prefix="/settings/two-factor")

HERE = "settings_two_factor.two_factor"


@blueprint.get("")
@signed_in
def two_factor() -> ResponseReturnValue:
    """Whether it is on, and what can be done about it."""
    return _page(setup_form=SetupForm(formdata=None))


@blueprint.post("")
@signed_in
def prove() -> ResponseReturnValue:
    """Shows the recovery codes to whoever has the app and the password; it is not on before they are kept."""
    form = SetupForm()
    if not form.validate_on_submit():
        return _page(400, setup_form=form)
    given = {"setup": form.setup.data or "", "code": form.code.data, "password": form.password.data}
    try:
        proof, codes = service.prove(current_user.id, **given, by=access.actor())
    except AlreadyExists:
        return redirect(url_for(HERE), 303)
    except (Forbidden, InvalidInput, TooManyAttempts, WrongCode) as error:
        refusal.show(form, error)
        return _page(error.status, setup_form=form)
    return _codes_page(proof, codes)


@blueprint.post("/turn-on")
@signed_in
def turn_on() -> ResponseReturnValue:
    """Turns it on, and goes on with a session that has this very browser's place."""
    form = KeptForm()
    try:
        user = service.turn_on(current_user.id, proof=_proof_of(form), by=access.actor())
    except (AlreadyExists, WrongCode) as error:
        flash(sentence(error), "warning")
        return redirect(url_for(HERE), 303)
    access.renew(login_sessions.start(user, address=request.remote_addr or "", user_agent=request.user_agent.string))
    flash(_("From now on you are asked for a code when you sign in."), "success")
    return redirect(url_for(HERE), 303)


@blueprint.route("/app", methods=["GET", "POST"])
@signed_in
def replace_app() -> ResponseReturnValue:
    """Another app, such as that of a new phone, in place of the one so far."""
    if not current_user.has_two_factor:
        return redirect(url_for(HERE), 303)
    form = ReplaceAppForm()
    if not form.validate_on_submit():
        return _setup_page(form), 400 if form.is_submitted() else 200
    given = {"setup": form.setup.data or "", "code": form.code.data, "present": form.present.data}
    try:
        service.replace_app(current_user.id, **given, by=access.actor())
    except (TooManyAttempts, WrongCode) as error:
        refusal.show(form, error)
        return _setup_page(form), error.status
    flash(_("The codes of your other app count from now on."), "success")
    return redirect(url_for(HERE), 303)


@blueprint.post("/recovery-codes")
@signed_in
def recovery_codes() -> ResponseReturnValue:
    """Makes new recovery codes, which are shown on this very response and never again; they count when they are kept."""
    form = CodeForm(prefix="renew")
    if not form.validate_on_submit():
        return _page(400, renew_form=form)
    try:
        proof, codes = service.new_recovery_codes(current_user.id, code=form.code.data, by=access.actor())
    except NotFound:
        return redirect(url_for(HERE), 303)
    except (TooManyAttempts, WrongCode) as error:
        refusal.show(form, error)
        return _page(error.status, renew_form=form)
    return _codes_page(proof, codes)


@blueprint.post("/recovery-codes/replace")
@signed_in
def replace_recovery_codes() -> ResponseReturnValue:
    """Makes the old ones worthless."""
    form = KeptForm()
    try:
        service.replace_recovery_codes(current_user.id, proof=_proof_of(form), by=access.actor())
    except WrongCode as error:
        flash(sentence(error), "warning")
    else:
        flash(_("Your new recovery codes count from now on."), "success")
    return redirect(url_for(HERE), 303)


@blueprint.post("/turn-off")
@signed_in
def turn_off() -> ResponseReturnValue:
    """Turns it off."""
    form = CodeForm(prefix="off")
    if not form.validate_on_submit():
        return _page(400, off_form=form)
    try:
        service.turn_off(current_user.id, code=form.code.data, by=access.actor())
    except NotFound:
        return redirect(url_for(HERE), 303)
    except (TooManyAttempts, TwoFactorNeeded, WrongCode) as error:
        refusal.show(form, error)
        return _page(error.status, off_form=form)
    flash(_("Two-factor sign-in is off. Your password alone signs you in."), "success")
    return redirect(url_for(HERE), 303)


def _page(
    status: int = 200,
    *,
    setup_form: SetupForm | None = None,
    renew_form: CodeForm | None = None,
    off_form: CodeForm | None = None,
) -> ResponseReturnValue:
    if current_user.has_two_factor:
        forms = {"renew_form": renew_form or CodeForm(prefix="renew"), "off_form": off_form or CodeForm(prefix="off")}
        must_stay = service.must_stay_on(current_user)
        return render_template("settings/two_factor.html", must_stay=must_stay, **forms), status
    return _setup_page(setup_form or SetupForm(formdata=None)), status


def _setup_page(form: AppForm) -> str:
    """With the secret that the form came with, so that a mistyped code is no reason to scan again."""
    secret = service.secret_of(form.setup.data or "", current_user)
    if secret is None:
        form.setup.data = service.begin(current_user)
        secret = service.secret_of(form.setup.data, current_user)
    uri = two_factor_codes.provisioning_uri(secret or "", current_user.email)
    picture = segno.make(uri, error="m").svg_data_uri(scale=5, light="#fff")
    shown = {"secret": secret, "uri": uri, "picture": picture}
    duty = {"missing": service.is_missing(current_user), "why_not": service.why_not(current_user)}
    return render_template("settings/two_factor_setup.html", form=form, **shown, **duty)


def _proof_of(form: KeptForm) -> str:
    """What the form carries; a form without it has a proof that proves nothing."""
    return (form.proof.data or "") if form.validate() else ""


def _codes_page(proof: str, codes: list[str]) -> ResponseReturnValue:
    # No redirect: the codes would have to wait for it somewhere.
    return render_template("settings/recovery_codes.html", form=KeptForm(formdata=None, proof=proof), codes=codes)
