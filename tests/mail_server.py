"""A mail server on loopback that keeps what it takes, and does as badly as a test wants."""

from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from flask import Flask

from tests.serving import free_port

SETTINGS = {"MAIL_TLS": "none", "MAIL_FROM": "Tokendesk <tokens@example.com>", "PUBLIC_URL": "http://localhost"}


class MailServer:
    """What it took, and what it answers to recipients and to mails: None means that it takes them."""

    def __init__(self) -> None:
        """With nothing in it."""
        self.envelopes: list[Any] = []
        self.on_recipient: str | None = None
        self.on_mail: str | None = None

    @property
    def mails(self) -> list[EmailMessage]:
        """What it took, parsed."""
        return [message_from_bytes(one.content, policy=policy.default) for one in self.envelopes]  # type: ignore[misc]

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        """The server's question whether a recipient is known."""
        if self.on_recipient:
            return self.on_recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        """The server's question what to do with a mail."""
        if self.on_mail:
            return self.on_mail
        self.envelopes.append(envelope)
        return "250 OK"


@contextmanager
def mail_server(app: Flask, monkeypatch: Any, **options: Any) -> Iterator[MailServer]:
    """One that listens, and to which the app sends; `options` are aiosmtpd's."""
    server = MailServer()
    controller = Controller(server, hostname="127.0.0.1", port=free_port(), **options)
    controller.start()
    settings = {**SETTINGS, "MAIL_SERVER": "127.0.0.1", "MAIL_PORT": controller.port}
    try:
        for name, value in settings.items():
            monkeypatch.setitem(app.config, name, value)
        yield server
    finally:
        controller.stop()


def parts_of(mail: EmailMessage) -> tuple[str, str]:
    """The text of a mail, and its HTML."""
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    return text.get_content(), html.get_content()
