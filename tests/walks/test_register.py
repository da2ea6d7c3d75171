"""A newcomer registers, confirms the address by a link in a mail, and talks to the assistant."""

import re
from collections.abc import Callable
from functools import partial

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from app import emails
from app.models.delivery import Kind
from app.services import delivery_attempts, mail
from tests.mail_server import mail_server, parts_of
from tests.walks.conftest import Desk

DEVICES = [
    pytest.param({}, id="desktop", marks=pytest.mark.long),
    pytest.param({"viewport": {"width": 360, "height": 740}}, id="phone"),
    pytest.param({"java_script_enabled": False}, id="without scripts", marks=pytest.mark.long),
]


@pytest.mark.parametrize("device", DEVICES)
def test_a_newcomer_registers_and_gets_a_first_answer(
    app: Flask, desk: Desk, guest: Callable[..., Page], device: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "REGISTRATION", "open")
    page = guest(**device)
    with mail_server(app, monkeypatch) as server:
        monkeypatch.setitem(app.config, "PUBLIC_URL", desk.url)
        # A mistake is named at its field, and nothing that was typed is lost but the password.
        page.goto("/sign-in")
        page.get_by_role("link", name="Register").click()
        page.get_by_label("Name").fill("Nora Newcomer")
        page.get_by_label("E-mail").fill("nora@example.com")
        page.get_by_label("Password").fill("password12")
        page.get_by_role("button", name="Register").click()
        expect(page.get_by_text("Many people use a password like this.")).to_be_visible()
        expect(page.get_by_label("E-mail")).to_have_value("nora@example.com")
        page.get_by_label("Password").fill("seven green lamps")
        page.get_by_role("button", name="Register").click()
        expect(page.get_by_text("We have sent you a link.")).to_be_visible()

        # The allowance is there at once; the first tokens come with the link in the mail.
        expect(page.locator("#balance")).to_contain_text("100,000")
        delivery_attempts.send_waiting(Kind.MAIL, partial(mail.deliver, render=emails.render))
        text, _html = parts_of(server.mails[-1])
        link = re.search(rf"{desk.url}/\S+", text)
        assert link
        page.goto(link[0])
        page.get_by_role("button", name="Confirm the address").click()
        page.goto("/chat")
        expect(page.locator("#balance")).to_contain_text("150,000")
        page.get_by_label("Your message").fill("What can you do?")
        page.get_by_role("button", name="Send").click()
        expect(page.locator(".chat-messages > li")).to_have_count(2)
        expect(page.locator("[data-unfinished]")).to_have_count(0)
        expect(page.locator("#balance")).not_to_contain_text("150,000")
