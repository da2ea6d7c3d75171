"""Webhooks: the list of them, a new one, changing and removing one."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import access
from app.access import requires
from app.errors import sentence
from app.forms import refusal
from app.forms.webhook import WebhookForm
from app.models.domain_error import AlreadyExists, ChangedByOther, InvalidInput
from app.models.permission import Permission
from app.models.webhook import Webhook
from app.services import webhooks as service

blueprint = Blueprint("admin_webhooks", __name__, url_prefix="/admin/webhooks")


@blueprint.get("")
@requires(Permission.SETTINGS_MANAGE)
def webhooks() -> ResponseReturnValue:
    """All of them."""
    return render_template("admin/webhooks/webhooks.html", webhooks=service.kept())


@blueprint.route("/new", methods=["GET", "POST"])
@requires(Permission.SETTINGS_MANAGE)
def new() -> ResponseReturnValue:
    """The form for another one. What it makes is shown on this very response, and its secret never again."""
    form = WebhookForm()
    if not form.validate_on_submit():
        return _form_page(form), 400 if form.is_submitted() else 200
    facts = {"url": form.url.data, "events": form.events.data}
    try:
        webhook, secret = service.create(**facts, by=access.actor(), idempotency_key=form.key.data)
    except AlreadyExists as error:
        flash(sentence(error), "warning")
        return redirect(url_for("admin_webhooks.webhooks"), 303)
    except InvalidInput as error:
        refusal.show(form, error)
        return _form_page(form), error.status
    # No redirect: the secret would have to wait for it somewhere. Whoever loads this response again sends the same form.
    return render_template("admin/webhooks/created.html", webhook=webhook, secret=secret), 201


@blueprint.route("/<webhook_id>", methods=["GET", "POST"])
@requires(Permission.SETTINGS_MANAGE)
def edit(webhook_id: str) -> ResponseReturnValue:
    """One of them, to change it; what somebody else has changed since is not overwritten."""
    webhook = service.get(webhook_id)
    form = WebhookForm(webhook)
    if not form.validate_on_submit():
        return _form_page(form, webhook), 400 if form.is_submitted() else 200
    facts = {"url": form.url.data, "events": form.events.data, "active": form.active.data}
    try:
        service.edit(webhook, **facts, version=int(form.version.data), by=access.actor())
    except (ChangedByOther, InvalidInput) as error:
        refusal.show(form, error)
        return _form_page(form, webhook), error.status
    flash(_("The change is saved."), "success")
    return redirect(url_for("admin_webhooks.webhooks"), 303)


@blueprint.post("/<webhook_id>/test")
@requires(Permission.SETTINGS_MANAGE)
def send_test(webhook_id: str) -> ResponseReturnValue:
    """Tells it an event about nothing, to see whether it hears; what became of it stands among the deliveries."""
    try:
        service.send_test(service.get(webhook_id), by=access.actor())
    except ChangedByOther as error:
        flash(sentence(error), "warning")
        return redirect(url_for("admin_webhooks.edit", webhook_id=webhook_id), 303)
    flash(_("A test event is on its way. Load this page again to see whether it has arrived."), "success")
    return redirect(url_for("admin_deliveries.deliveries"), 303)


@blueprint.post("/<webhook_id>/remove")
@requires(Permission.SETTINGS_MANAGE)
def remove(webhook_id: str) -> ResponseReturnValue:
    """Tells it nothing any more."""
    webhook = service.get(webhook_id)
    try:
        service.remove(webhook, by=access.actor())
    except ChangedByOther as error:
        flash(sentence(error), "error")
    else:
        flash(_("The webhook is removed."), "success")
    return redirect(url_for("admin_webhooks.webhooks"), 303)


def _form_page(form: WebhookForm, webhook: Webhook | None = None) -> str:
    return render_template("admin/webhooks/edit.html", form=form, webhook=webhook)
