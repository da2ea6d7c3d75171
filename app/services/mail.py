"""Sends one mail to our mail server: the last step of a delivery."""

import smtplib
import ssl
from collections.abc import Callable
from contextlib import suppress
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UniqueUnstructuredHeader
from email.message import EmailMessage
from email.policy import Policy, default
from email.utils import format_datetime, parseaddr
from typing import Any
from urllib.parse import urlsplit

import idna
from flask import current_app

from app import clock
from app.models.delivery import Delivery
from app.models.user import User
from app.services.delivery_attempts import Undelivered

# How long the server may take for each word of the conversation. A mail that it takes later than that is sent again.
TIMEOUT_SECONDS = 30
# An answer of the server from here on is its last word about this mail.
PERMANENT = 500
# It ends the conversation, whatever it was about.
CLOSING = 421


class _Link(UniqueUnstructuredHeader, BaseHeader):  # type: ignore[misc]
    """A header that is sent as it stands: broken up or encoded, as long ones are, its address would be none."""

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("list-unsubscribe", _Link)
POLICY = default.clone(header_factory=_HEADERS)


def deliver(delivery: Delivery, *, render: Callable[..., Any]) -> None:
    """Sends the mail that `render(template, values, reader=)` makes; raises `Undelivered`."""
    reader = User.objects(id=delivery.user).first()
    if reader is None or reader.deleted_at:
        raise Undelivered("There is no such user any more.", final=True)
    if (until := delivery.values.get("until")) and until <= clock.now():
        raise Undelivered("What it leads to has ended meanwhile.", final=True)
    send(message(delivery, reader, render(delivery.what, delivery.values, reader=reader)))


def message(delivery: Delivery, reader: User, email: Any) -> EmailMessage:
    """The mail with its headers; sent again, it is the same to the letter, so that a mailbox can know it by its id."""
    own_name, own_address = parseaddr(current_app.config["MAIL_FROM"])
    sender = _address(own_address, own_name)
    mail = EmailMessage(policy=POLICY)
    mail["Subject"] = email.subject
    mail["From"] = sender
    # Without the name, which could say anything there, another address included.
    mail["To"] = _address(delivery.address or reader.email)
    mail["Date"] = format_datetime(delivery.created_at)
    mail["Message-ID"] = f"<{delivery.id}@{sender.domain}>"
    # Nobody is to be told automatically that they are on holiday.
    mail["Auto-Submitted"] = "auto-generated"
    if email.unsubscribe:
        mail["List-Unsubscribe"] = f"<{email.unsubscribe}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content(email.text)
    mail.add_alternative(email.html, subtype="html")
    return mail


def send(mail: EmailMessage) -> None:
    """Hands the mail to the server, which has it when this returns; raises `Undelivered`."""
    server = None
    try:
        server = _connect()
        server.send_message(mail)
    except smtplib.SMTPRecipientsRefused as refusal:
        (answer,) = refusal.recipients.values()
        raise _refused(*answer) from None
    except smtplib.SMTPNotSupportedError as refusal:
        raise Undelivered(str(refusal), final=True) from None
    except smtplib.SMTPDataError as refusal:
        raise _refused(refusal.smtp_code, refusal.smtp_error) from None
    except (OSError, smtplib.SMTPException) as error:
        raise Undelivered(f"{type(error).__name__}: {error}", is_receivers=True) from None
    finally:
        if server is not None:
            # What the server has accepted stays accepted, however it says goodbye.
            with suppress(OSError, smtplib.SMTPException):
                server.quit()


def check() -> None:
    """Signs in to the mail server, as for a mail, and leaves; raises `Undelivered`."""
    try:
        with _connect() as server:
            server.noop()
    except (OSError, smtplib.SMTPException) as error:
        raise Undelivered(f"{type(error).__name__}: {error}", is_receivers=True) from None


def _refused(code: int, said: bytes | str) -> Undelivered:
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    return Undelivered(f"{code} {text}", final=code >= PERMANENT, is_receivers=code == CLOSING)


def _connect() -> smtplib.SMTP:
    settings = current_app.config
    # The name that we greet with; looking ours up could take long.
    own_name = urlsplit(settings["PUBLIC_URL"]).hostname or "localhost"
    where: dict[str, Any] = {
        "host": settings["MAIL_SERVER"],
        "port": settings["MAIL_PORT"],
        "local_hostname": own_name,
        "timeout": TIMEOUT_SECONDS,
    }
    tls = settings["MAIL_TLS"]
    if tls == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(**where, context=ssl.create_default_context())
    else:
        server = smtplib.SMTP(**where)
    try:
        if tls == "starttls":
            server.starttls(context=ssl.create_default_context())
        server.ehlo_or_helo_if_needed()
        if settings["MAIL_USERNAME"]:
            server.login(settings["MAIL_USERNAME"], settings["MAIL_PASSWORD"])
    except BaseException:
        server.close()
        raise
    return server


def _address(address: str, name: str = "") -> Address:
    local, _, domain = address.rpartition("@")
    # Python's own codec would make strasse.de, which is somebody else's, of straße.de.
    return Address(name, local, domain if domain.isascii() else idna.encode(domain, uts46=True).decode())
