"""The servers of others that this installation needs: the chat's, the payment's, the one that sends our mail."""

from flask import current_app
from flask_babel import gettext as _

from app.cli.examination import Finding
from app.models.assistant import Assistant
from app.models.domain_error import AssistantUnavailable, PaymentRefused, PaymentUnavailable
from app.models.message import Failure
from app.models.order import Provider
from app.services import assistants, mail, stripe_payments, upstream
from app.services.delivery_attempts import Undelivered


def chat() -> Finding:
    """Whether somebody answers in the chat."""
    url = current_app.config["CHAT_BASE_URL"]
    wanted = {assistants.model_of(assistant) for assistant in Assistant.objects.active()}
    if not wanted:
        return Finding(
            "chat", "warning", _("no assistant is active, so nobody answers"), _("activate one at /admin/assistants")
        )
    if not url:
        return Finding("chat", "ok", _("the built-in demo assistant answers; CHAT_BASE_URL puts a model behind it"))
    try:
        offered = upstream.models()
    except AssistantUnavailable as error:
        return _chat_problem(url, error)
    # Some servers keep their models to themselves.
    if offered and (missing := wanted - set(offered)):
        names = {"missing": ", ".join(sorted(missing)), "offered": ", ".join(sorted(offered)[:10])}
        text = _("%(url)s has no %(missing)s; it offers %(offered)s", url=url, **names)
        return Finding("chat", "warning", text, _("set CHAT_MODEL, or the model of the assistant"))
    return Finding("chat", "ok", f"{url}: {', '.join(sorted(wanted))}")


def _chat_problem(url: str, error: AssistantUnavailable) -> Finding:
    if error.values["failure"] == Failure.REFUSED:
        return Finding(
            "chat", "problem", _("%(url)s does not take CHAT_API_KEY", url=url), _("set the key that it knows")
        )
    text = _("%(url)s does not answer: %(why)s", url=url, why=str(error.__cause__)[:200])
    return Finding("chat", "problem", text, _("start it, or correct CHAT_BASE_URL"))


def payment() -> Finding:
    """Whether orders can be paid."""
    settings = current_app.config
    if not settings["PACKAGES"]:
        return Finding("payment", "ok", _("nothing is for sale"))
    if settings["PAYMENT_PROVIDER"] == Provider.MANUAL:
        if not settings["PAYMENT_INSTRUCTIONS"]:
            text = _("PAYMENT_INSTRUCTIONS is empty, so nobody reads how to pay")
            return Finding("payment", "warning", text, _("set it, or PACKAGES={} where nothing is for sale"))
        return Finding("payment", "ok", _("confirmed by hand"))
    try:
        stripe_payments.check()
    except PaymentRefused as error:
        text = _("Stripe does not take STRIPE_SECRET_KEY: %(why)s", why=error.values["why"])
        return Finding("payment", "problem", text, _("set a key of your account there"))
    except PaymentUnavailable:
        text = _("Stripe does not answer")
        return Finding("payment", "problem", text, _("afterwards: flask orders reconcile"))
    return Finding("payment", "ok", _("Stripe answers"))


def mails() -> Finding:
    """Whether our mail server takes us."""
    server = f"{current_app.config['MAIL_SERVER']}:{current_app.config['MAIL_PORT']}"
    if not current_app.config["MAIL_SERVER"]:
        return Finding("mail", "ok", _("none is sent; MAIL_SERVER names a server for it"))
    try:
        mail.check()
    except Undelivered as error:
        text = _("%(server)s does not take us: %(why)s", server=server, why=str(error)[:200])
        return Finding("mail", "problem", text, _("correct MAIL_SERVER and its neighbours, or start the server"))
    return Finding("mail", "ok", server)
