"""Talking in a browser to a model that takes its time: the question stands there at once, can be taken back, and is not lost."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from app.models.message import Message
from app.models.user import User
from app.services import answers, token_accounts
from app.services.demo import DEMO_EMAIL
from tests.chatting import charges
from tests.factories import OPERATOR
from tests.processes import wait_until
from tests.upstream.conftest import set_chat
from tests.upstream.misbehaving import DONE, HEAD, Misbehaving, end, misbehaving, piece, status


@pytest.fixture
def model(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Misbehaving]:
    """The server behind the chat."""
    with misbehaving() as server:
        set_chat(app, monkeypatch, server.url)
        monkeypatch.setattr(answers, "SAVE_EVERY", timedelta(0))
        yield server


def test_a_user_stops_a_model_that_thinks_and_keeps_what_one_could_not_answer(
    visit: Callable[..., Page], model: Misbehaving
) -> None:
    page = visit(DEMO_EMAIL)
    token_accounts.add_bonus(
        User.objects.get(email=DEMO_EMAIL).id, 10_000, by=OPERATOR, reason="Enough for two at once"
    )
    has_thought = threading.Event()
    messages, box = page.locator(".chat-messages > li"), page.get_by_label("Your message")

    # It thinks: the question is there, the box is free for the next one, and the answer can be stopped.
    model.will((HEAD, lambda _: has_thought.wait(20), piece("Never mind"), end(), DONE))
    box.fill("Think about it")
    box.press("Enter")
    expect(messages).to_have_count(2)
    expect(box).to_have_value("")
    expect(page.locator("h1")).to_have_text("Think about it")
    wait_until(lambda: len(model.calls) == 1)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Stop")).to_be_disabled()
    expect(page.locator(".chat-box")).not_to_have_attribute("aria-busy", "true")

    # Nobody has to wait for it any more. It is down: the message is in the box again, and is answered once it is up.
    box.fill("The next question")
    model.will((status(500),))
    box.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Nothing was charged")
    expect(messages).to_have_count(2)
    expect(box).to_have_value("The next question")
    has_thought.set()
    expect(messages.last).to_contain_text("broke off here")
    model.will((HEAD, piece("Here "), piece("**I am**"), end({"total_tokens": 42}), DONE))
    box.press("Enter")
    expect(messages).to_have_count(4)
    expect(messages.last.locator("strong")).to_have_text("I am")
    answer = Message.objects(role="assistant").order_by("-id").first()
    assert (answer.text, answer.tokens_charged, charges(answer.user)[0]) == ("Here **I am**", 42, 42)
    assert Message.objects(conversation=answer.conversation).count() == 4
    assert token_accounts.view(answer.user).held == 0
