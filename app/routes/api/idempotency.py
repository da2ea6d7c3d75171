"""The header `Idempotency-Key`: what is sent again under the same key has one effect and one answer."""

import re
from typing import Any
from uuid import uuid4

from flask import Response, g, request
from flask_openapi import APIBlueprint
from pydantic import BaseModel

from app.models.domain_error import N_, InvalidInput
from app.routes.api.frame import answer
from app.services.account_commit import Outcome

HEADER, REPLAY = "Idempotency-Key", "Idempotent-Replay"
# The keys of callers have a prefix where they are stored, so that none of them is one of our own.
PREFIX = "api:"
# For a route's `openapi_extensions`: the library can document headers only by reading them, which takes long.
DOCUMENTED: dict[str, Any] = {
    "parameters": [
        {
            "name": HEADER,
            "in": "header",
            "description": "Any name for this call; made here where it is absent, and returned with the answer.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[ -~]+$"},
        }
    ]
}
_KEY = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,198}[\x21-\x7e])?")


def takes_keys(blueprint: APIBlueprint) -> None:
    """Each POST of the blueprint that closes no hold reads the header once its caller is known, and answers with it."""
    blueprint.before_request(_take)
    blueprint.after_request(_give_back)


def given_key() -> str:
    """The key of this call as its caller calls it."""
    key: str = g.idempotency_key
    return key


def stored_key() -> str:
    """The key of this call as the ledger keeps it."""
    return f"{PREFIX}{given_key()}"


def answer_once(outcome: Outcome, shape: BaseModel, status: int = 200) -> Response:
    """`shape` as JSON, with a header that tells the answer to a repeat from the first one."""
    response = answer(shape, status)
    if outcome.replayed:
        response.headers[REPLAY] = "true"
    return response


def _take() -> None:
    # A hold is settled or released under a key of its own.
    if request.method != "POST" or "hold_id" in (request.view_args or {}):
        return
    key = request.headers.get(HEADER, str(uuid4()))
    if not _KEY.fullmatch(key):
        raise InvalidInput(errors={HEADER: [N_("Must be 1 to 200 printable ASCII characters.")]})
    g.idempotency_key = key


def _give_back(response: Response) -> Response:
    if "idempotency_key" in g:
        response.headers[HEADER] = g.idempotency_key
    return response
