"""A process that dies anywhere in an answer: the worker leaves no charge or exactly one, and nothing held."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine

from app import clock
from app.models.assistant import Assistant
from app.models.message import Message
from app.services import announcements, answers, assistants, due, token_accounts
from app.services.token_count import count
from tests.chatting import charges, say
from tests.factories import make_user
from tests.upstream.misbehaving import DONE, HEAD, end, misbehaving, piece

ROOT = Path(__file__).parents[2]
MORE_THAN_THERE_ARE_COMMANDS = 60


def work(later):
    """What the worker does, `later` from now."""
    with time_machine.travel(clock.now() + later, tick=False):
        answers.settle_lapsed()
        due.perform_waiting()


def killed_users(*arguments):
    """One user for each command of an answer, whose process died just before it."""
    assistants.ensure_default()
    Assistant.objects.update(max_answer_tokens=12)
    users = [make_user(f"user-{n}@example.com") for n in range(1, MORE_THAN_THERE_ARE_COMMANDS)]
    command = [sys.executable, "-m", "tests.faults.killed_while_answering", *arguments]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603
    assert ran.returncode == 0, ran.stderr
    return users[: int(ran.stdout)]


@pytest.fixture(params=["the demo assistant", "a server"])
def arguments(request, app, monkeypatch):
    """What the program is told, and whoever tries again after it asks the same."""
    if request.param == "the demo assistant":
        yield []
        return
    with misbehaving() as server:
        server.will((HEAD, *(piece(f"word {n}, ") for n in range(8)), end(), DONE))
        monkeypatch.setitem(app.config, "CHAT_BASE_URL", server.url)
        yield [server.url]


@pytest.mark.long
def test_an_answer_is_charged_at_most_once_wherever_its_process_is_killed(mongodb_uri, arguments):
    users = killed_users(mongodb_uri, *arguments)
    assert len(users) > 20
    work(timedelta(seconds=61))
    work(timedelta(seconds=75))
    assert {message.status for message in Message.objects(role="assistant")} == {"failed", "stopped", "done"}

    for user in users:
        answer = say(user)
        charged = answer.prompt_tokens + count(answer.text) if answer.text else 0
        assert (answer.tokens_charged or 0) == charged
        assert charges(user.id) == ([charged] if charged else [])
        assert answer.due == []
        assert Message.objects(user=user.id).count() == 2
        with time_machine.travel(clock.now() + timedelta(seconds=announcements.HOLD_SECONDS + 1), tick=False):
            account = token_accounts.view(user.id)
        assert (account.held, account.balance) == (0, 150_000 - charged)
