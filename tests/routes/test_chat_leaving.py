"""A reader who goes in the middle of an answer, at real servers: the answer ends there, and what was written is charged."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest
from flask import Flask

from app.models.message import Message
from app.services import token_accounts
from app.services.token_count import count
from tests.chatting import charges, make_talker
from tests.factories import bearer
from tests.processes import wait_until
from tests.serving import over_http, serving
from tests.upstream.conftest import set_chat
from tests.upstream.misbehaving import HEAD, Misbehaving, misbehaving, piece

WORDS = 5


def go_on(connection: socket.socket) -> None:
    """Talks, a word after the other, until the caller hangs up."""
    connection.settimeout(0.02)
    while True:
        connection.sendall(piece("word "))
        with suppress(TimeoutError):
            if connection.recv(1) == b"":
                raise BrokenPipeError


@pytest.fixture
def upstream() -> Iterator[Misbehaving]:
    """A model that does not stop by itself."""
    with misbehaving() as server:
        server.will((HEAD, go_on))
        yield server


def hear(url: str, headers: dict[str, str], events: int) -> None:
    """Asks, hears some of the answer, and goes."""
    headers = {**headers, "Accept": "text/event-stream"}
    with httpx2.stream(
        "POST", f"{url}/api/chat/message", json={"msg": "Go on"}, headers=headers, trust_env=False
    ) as told:
        assert told.status_code == 200
        lines = told.iter_lines()
        for _ in range(events * 3):
            next(lines)


def test_who_leaves_in_the_middle_pays_for_what_was_written(
    app: Flask, monkeypatch: pytest.MonkeyPatch, upstream: Misbehaving
) -> None:
    set_chat(app, monkeypatch, upstream.url)
    user = make_talker()
    with over_http(app) as url:
        hear(url, bearer(user, "self"), WORDS)
        wait_until(lambda: charges(user.id))
        assert upstream.left.wait(10)
    answer = Message.objects.get(role="assistant")
    assert (answer.status, answer.failure) == ("stopped", None)
    assert WORDS <= answer.text.count("word") < 100
    assert charges(user.id) == [answer.tokens_charged] == [answer.prompt_tokens + count(answer.text)]
    assert token_accounts.view(user.id).held == 0


@pytest.mark.long
def test_so_it_is_at_gunicorn(tmp_path: Path, upstream: Misbehaving) -> None:
    with serving(tmp_path / "instance", CHAT_BASE_URL=upstream.url) as server:
        server.make_user("ann@example.com")
        create = ("keys", "create", "ann@example.com", "--name", "A program", "--scope", "self")
        with server._flask(*create, stdout=subprocess.PIPE) as process:
            secret, _ = process.communicate()
        headers = {"Authorization": f"Bearer {secret.decode().strip()}"}
        hear(server.url, headers, WORDS)
        assert upstream.left.wait(10)

        def said() -> dict[str, object]:
            with httpx2.Client(base_url=f"{server.url}/api/chat", headers=headers, trust_env=False) as program:
                [conversation] = program.get("/conversations").json()
                newest: dict[str, object] = program.get(f"/conversations/{conversation['id']}").json()["messages"][0]
                return newest

        wait_until(lambda: said()["tokens_used"])
        assert said()["status"] == "stopped"
