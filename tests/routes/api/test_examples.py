"""The examples of docs/api.md, typed as they stand there, from the top to the bottom."""

import json
import re
import shlex
from functools import reduce
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from app.services import assistants, statistics
from tests.page_client import PageClient

DOCUMENT = Path(__file__).parents[3] / "docs" / "api.md"
# What is typed, and where it is one call: the status that it is answered with, and the answer where one is shown.
EXAMPLE = re.compile(r"```sh\n(.+?)\n```(?:\n\n→ (\d+)(?:\n\n```json\n(.+?)\n```)?)?", re.DOTALL)
ASSIGNMENT = re.compile(r"export (\w+)=(?:\$\((.+)\)|(.+))")
PIPED = re.compile(r"echo \"(.+)\" \| (flask .+)")
PICKED = re.compile(r"(curl .+) \| pick '(.+)'")
# It is what `picked` does.
PICK = """pick() { python3 -c "import json, sys; print(json.load(sys.stdin)$1)"; }"""


class Shell:
    """What a reader's shell would do with the lines of the document, and the variables that it knows by then."""

    def __init__(self, app: Flask) -> None:
        """A new shell; the server is `app`."""
        self.app = app
        self.variables: dict[str, str] = {}

    def type(self, line: str) -> None:
        """A line that prepares what follows."""
        if assignment := ASSIGNMENT.fullmatch(line):
            name, command, value = assignment.groups()
            self.variables[name] = self.output(command) if command else value
        elif line != PICK:
            self.flask(line)

    def output(self, command: str) -> str:
        """What a command prints."""
        if picked := PICKED.fullmatch(command):
            return pick(self.curl(picked[1]).json, picked[2])
        return self.flask(command)

    def flask(self, line: str) -> str:
        """What one of our own commands prints to its standard output."""
        typed, command = PIPED.fullmatch(line).groups() if "|" in line else (None, line)
        program, *words = shlex.split(command)
        result = self.app.test_cli_runner().invoke(args=words, input=typed)
        assert (program, result.exit_code) == ("flask", 0), (line, result.output)
        return result.stdout.strip()

    def curl(self, command: str) -> TestResponse:
        """The answer to a call."""
        words = iter(shlex.split(re.sub(r"\$(\w+)", lambda name: self.variables[name[1]], command))[1:])
        url, method, headers, body = "", None, {}, None
        for word in words:
            if word == "-X":
                method = next(words)
            elif word == "-H":
                name, _, value = next(words).partition(": ")
                headers[name] = value
            elif word == "--json":
                body = json.loads(next(words))
            elif word != "-s":
                url = word
        sent = {} if body is None else {"json": body}
        client: PageClient = self.app.test_client()
        method = method or ("GET" if body is None else "POST")
        return client.open(url, method=method, headers=headers, origin=None, csrf=False, **sent)


def pick(value: Any, steps: str) -> str:
    """What stands at `["name"]` or `[0]` of a value."""
    return str(reduce(lambda found, step: found[json.loads(step)], re.findall(r"\[(.+?)\]", steps), value))


def like(shown: Any, given: Any) -> bool:
    """Whether an answer is as shown: the same but for ids and times, which have the same form."""
    if isinstance(shown, dict) and isinstance(given, dict):
        return list(shown) == list(given) and all(like(shown[name], given[name]) for name in shown)
    if isinstance(shown, list) and isinstance(given, list):
        return len(shown) == len(given) and all(map(like, shown, given))
    if isinstance(shown, str) and re.fullmatch(r"([0-9a-f]{24}){1,2}|\d{4}-.*Z", shown):
        return re.sub(r"[0-9a-f]", "0", shown) == re.sub(r"[0-9a-f]", "0", str(given))
    return type(shown) is type(given) and shown == given


def test_every_example_is_answered_as_it_says(app):
    # A worker has been here, and the server that prepares the database.
    statistics.take()
    assistants.ensure_default()
    shell, calls = Shell(app), 0
    for typed, status, shown in EXAMPLE.findall(DOCUMENT.read_text()):
        if not typed.startswith("curl"):
            for line in typed.splitlines():
                shell.type(line)
            continue
        calls += 1
        response = shell.curl(typed)
        assert response.status_code == int(status), (typed, response.text)
        assert not shown or like(json.loads(shown), response.json), (typed, response.text)
    assert calls == DOCUMENT.read_text().count("```sh\ncurl") > 15
