"""Asks the OpenAI-compatible server that stands behind the chat for an answer, and passes it on as it comes.

Where none is set, the built-in demo assistant answers. Whatever goes wrong is `AssistantUnavailable` and one line in the
log; its value `failure` says why, and `retry_after` when to come again where the server said so.
"""

import logging
import re
import time
from collections.abc import Generator
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import httpx2
from flask import current_app

from app import clock
from app.models.domain_error import AssistantUnavailable
from app.models.message import Failure
from app.services import assistants, demo_assistant
from app.services.prompts import Plan
from app.services.upstream_stream import Bounded, Usage, pieces

log = logging.getLogger(__name__)

# A server that ignores the length it was asked for is cut off: beyond so many bytes of text, and of anything, a token.
# No answer is longer than fits a document of the database.
TEXT_BYTES_A_TOKEN, RESPONSE_BYTES_A_TOKEN = 16, 2_048
LONGEST_TEXT_BYTES = 8 * 1024 * 1024
RESPONSE_BYTES = 1024 * 1024
LONGEST_WAIT = 3_600
# How much of what a server says of an error goes into the log; its words are cut off so that no key is cut in two.
LONGEST_SHOWN, LONGEST_COMPLAINT = 500, 4_000
NEW_NAME = "max_completion_tokens"
# The models that know the limit of an answer by its newer name only, as the server has told this process.
_new_names: set[str] = set()


def answer(plan: Plan) -> Generator[str | Usage]:
    """The pieces of an answer as they come, empty ones too: they show that the server is at it. Closing it hangs up."""
    if current_app.config["CHAT_BASE_URL"]:
        return _asked(plan)
    return demo_assistant.answer(plan.prompt, plan.max_tokens)


def models() -> list[str]:
    """The names of the models that the server offers, which some keep to themselves: then there are none."""
    url = f"{current_app.config['CHAT_BASE_URL']}/models"
    try:
        response = _client().get(url, headers=_headers(), timeout=current_app.config["CHAT_CONNECT_SECONDS"])
        listed = response.json()["data"] if response.is_success else []
        names = [str(one["id"]) for one in listed]
    except httpx2.HTTPError as error:
        raise AssistantUnavailable(failure=Failure.UNAVAILABLE) from error
    except (ValueError, LookupError, TypeError, RecursionError):
        return []
    if response.status_code in (401, 403):
        raise AssistantUnavailable(failure=Failure.REFUSED)
    return names


# --- asking -----------------------------------------------------------------------------------------------------------


@cache
def _client() -> httpx2.Client:
    """One for the process, which keeps connections open for the next answer."""
    return httpx2.Client(trust_env=False, follow_redirects=False, limits=httpx2.Limits(max_connections=None))


def _headers() -> dict[str, str]:
    key = current_app.config["CHAT_API_KEY"]
    # Uncompressed, so that what comes can be bounded as it comes.
    headers = {
        "Accept": "text/event-stream, application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "Tokendesk",
    }
    return headers | ({"Authorization": f"Bearer {key}"} if key else {})


def _asked(plan: Plan) -> Generator[str | Usage]:
    config, client = current_app.config, _client()
    url, deadline = f"{config['CHAT_BASE_URL']}/chat/completions", time.monotonic() + config["CHAT_ANSWER_SECONDS"]
    timeout = httpx2.Timeout(config["CHAT_CONNECT_SECONDS"], read=config["CHAT_SILENCE_SECONDS"])
    while True:
        body = _body(plan)
        try:
            with client.stream("POST", url, json=body, headers=_headers(), timeout=timeout) as response:
                most = RESPONSE_BYTES + plan.max_tokens * RESPONSE_BYTES_A_TOKEN
                most_text = min(plan.max_tokens * TEXT_BYTES_A_TOKEN, LONGEST_TEXT_BYTES)
                response.stream = Bounded(response.stream, deadline, most)
                response.encoding = "utf-8"
                yield ""
                if response.is_success:
                    yield from pieces(httpx2.EventSource(response), most_text)
                    return
                complaint = _complaint(response)
        except httpx2.HTTPError as error:
            log.warning("the chat's server failed: %s: %s", type(error).__name__, _shown(str(error)))
            raise AssistantUnavailable(failure=Failure.UNAVAILABLE) from error
        if response.status_code != 400 or NEW_NAME not in complaint or NEW_NAME in body:
            raise _refusal(response, complaint)
        _new_names.add(body["model"])


def _body(plan: Plan) -> dict[str, Any]:
    """What is asked for; OpenAI's newer models take the limit only by another name than all other servers do."""
    model = assistants.model_of(plan.assistant)
    return {
        "model": model,
        "messages": plan.prompt,
        "stream": True,
        "stream_options": {"include_usage": True},
        NEW_NAME if model in _new_names else "max_tokens": plan.max_tokens,
    }


def _complaint(response: httpx2.Response) -> str:
    """The beginning of what the server says of an error."""
    try:
        return next(response.iter_text(LONGEST_COMPLAINT), "")
    except httpx2.HTTPError:
        return ""


def _shown(text: str) -> str:
    """`text` as the log may have it: without our key, which some servers repeat, and not too long."""
    key = current_app.config["CHAT_API_KEY"]
    # As long as the key, so that none of it is left where the text was cut off.
    return (text.replace(key, "*" * len(key)) if key else text)[:LONGEST_SHOWN]


def _refusal(response: httpx2.Response, complaint: str) -> AssistantUnavailable:
    """What a status other than 2xx means: who has to do something about it is the operator, or nobody but time."""
    status = response.status_code
    is_passing = status >= 500 or status in (408, 429)
    failure = Failure.BUSY if status == 429 else Failure.UNAVAILABLE if is_passing else Failure.REFUSED
    level = logging.ERROR if failure == Failure.REFUSED else logging.WARNING
    log.log(level, "the chat's server answered %s: %r", status, _shown(complaint))
    seconds = _seconds(response.headers.get("Retry-After", ""))
    values: dict[str, Any] = {"retry_after": seconds} if seconds else {}
    return AssistantUnavailable(failure=failure, **values)


def _seconds(retry_after: str) -> int | None:
    """The header's seconds or date as seconds, at least one and at most an hour; None for anything else."""
    try:
        if re.fullmatch(r"[0-9]{1,9}", retry_after):
            seconds = int(retry_after)
        else:
            seconds = int((parsedate_to_datetime(retry_after) - clock.now()).total_seconds())
    except (ValueError, TypeError):
        return None
    return min(max(1, seconds), LONGEST_WAIT)
