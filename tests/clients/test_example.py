"""The example of the client, run as a user runs it, and shown where users look for it."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from app.services import token_accounts

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "clients" / "python"
EXAMPLE = CLIENT / "examples" / "metered_chat.py"
ALL = 150_000


class _Handler(BaseHTTPRequestHandler):
    server: "FakeOpenAI"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, self.headers["Authorization"], asked))
        choices = [
            {"index": 0, "message": {"role": "assistant", "content": "A piece of a word."}, "finish_reason": "stop"}
        ]
        usage = {"prompt_tokens": 12, "completion_tokens": 30, "total_tokens": 42}
        answer = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "model": "tiny-1",
            "choices": choices,
            "usage": usage,
        }
        body = json.dumps(answer).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Says nothing."""


class FakeOpenAI(ThreadingHTTPServer):
    """Answers each chat completion with 42 tokens used."""

    def __init__(self) -> None:
        self.status, self.asked = 200, list[tuple[str, str, dict[str, Any]]]()
        super().__init__(("127.0.0.1", 0), _Handler)


@pytest.fixture
def openai() -> Iterator[FakeOpenAI]:
    """A chat API on loopback."""
    with FakeOpenAI() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def ask(openai, desk_url, product_key, ada):
    """`ask(question)` runs the example for Ada."""
    environment = {
        "PYTHONPATH": str(CLIENT / "src"),
        "NO_PROXY": "127.0.0.1",
        "TOKENDESK_URL": desk_url,
        "TOKENDESK_KEY": product_key,
        "OPENAI_BASE_URL": f"http://127.0.0.1:{openai.server_port}/v1",
        "OPENAI_API_KEY": "sk-x",
        "MODEL": "tiny",
    }

    def run(question: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "error", str(EXAMPLE), str(ada.id), question]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603

    return run


def test_the_example_charges_what_the_answer_used(ask, openai, ada):
    ran = ask("What is a token?")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "A piece of a word.\n", "")
    ((path, key, asked),) = openai.asked
    assert (path, key, asked["model"]) == ("/v1/chat/completions", "Bearer sk-x", "tiny")
    assert asked["messages"] == [{"role": "user", "content": "What is a token?"}]
    account = token_accounts.view(ada.id)
    assert (account.available, account.held) == (ALL - 42, 0)


def test_an_answer_that_does_not_come_is_not_charged(ask, openai, ada):
    openai.status = 500
    assert ask("What is a token?").returncode == 1
    assert token_accounts.view(ada.id).available == ALL


def test_a_user_who_has_run_out_is_led_on_and_nobody_is_asked(ask, openai, desk, ada):
    desk.usage(str(ada.id), ALL - 1_000)
    ran = ask("What is a token?")
    assert ran.returncode == 1
    assert "/requests/new?kind=quota" in ran.stderr
    assert openai.asked == []


def test_the_example_is_short():
    assert len([line for line in EXAMPLE.read_text().splitlines() if line]) < 20


@pytest.mark.parametrize("document", [ROOT / "README.md", CLIENT / "README.md"], ids=["the project", "the client"])
def test_the_readme_shows_the_example_as_it_is_run(document):
    assert f"```python\n{EXAMPLE.read_text()}```\n" in document.read_text()
