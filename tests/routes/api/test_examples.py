"""The examples of docs/api.md, typed as they stand there."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

from werkzeug.test import TestResponse

from tests.factories import bearer, make_user
from tests.page_client import PageClient

DOCUMENT = Path(__file__).parents[3] / "docs" / "api.md"
# A command, the status that it is answered with, and the answer where one is shown.
EXAMPLE = re.compile(r"```sh\n(curl .+?)\n```\n\n→ (\d+)(?:\n\n```json\n(.+?)\n```)?", re.DOTALL)


def run(client: PageClient, command: str, variables: dict[str, str]) -> TestResponse:
    """What curl would do."""
    for name, value in variables.items():
        command = command.replace(f"${name}", value)
    words = iter(shlex.split(command)[1:])
    url, method, headers, body = "", None, {}, None
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        elif word == "--json":
            body = json.loads(next(words))
        else:
            url = word
    sent = {} if body is None else {"json": body}
    return client.open(url, method=method or ("GET" if body is None else "POST"), headers=headers, origin=None, **sent)


def like(shown: Any, given: Any) -> bool:
    """Whether an answer is as shown: the same but for ids and times, which have the same form."""
    if isinstance(shown, dict) and isinstance(given, dict):
        return list(shown) == list(given) and all(like(shown[name], given[name]) for name in shown)
    if isinstance(shown, list) and isinstance(given, list):
        return len(shown) == len(given) and all(map(like, shown, given))
    if isinstance(shown, str) and re.fullmatch(r"[0-9a-f]{24}|\d{4}-.*Z", shown):
        return re.sub(r"[0-9a-f]", "0", shown) == re.sub(r"[0-9a-f]", "0", str(given))
    return type(shown) is type(given) and shown == given


def test_every_example_is_answered_as_it_says(app):
    ada, bob = make_user("ada@example.com", name="Ada"), make_user("bob@example.com", roles=["reviewer"])
    keys = {"KEY": bearer(ada, "self"), "REVIEW": bearer(bob, "requests.review", name="Desk")}
    variables = {name: headers["Authorization"].removeprefix("Bearer ") for name, headers in keys.items()}
    examples = EXAMPLE.findall(DOCUMENT.read_text())
    assert len(examples) == DOCUMENT.read_text().count("```sh\ncurl")
    for command, status, shown in examples:
        response = run(app.test_client(), command, {"DESK": "", **variables})
        assert response.status_code == int(status), command
        assert not shown or like(json.loads(shown), response.json), (command, response.text)
