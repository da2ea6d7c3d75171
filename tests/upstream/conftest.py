"""A server that misbehaves, and the chat set to it."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.upstream.misbehaving import Misbehaving, misbehaving

KEY = "sk-secret-of-ours-0123456789"


@pytest.fixture
def server(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Misbehaving]:
    """The server behind the chat."""
    with misbehaving() as server:
        set_chat(app, monkeypatch, server.url)
        yield server


def set_chat(app: Flask, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Puts the chat in front of the server at `url`."""
    monkeypatch.setitem(app.config, "CHAT_BASE_URL", url)
    monkeypatch.setitem(app.config, "CHAT_API_KEY", KEY)
