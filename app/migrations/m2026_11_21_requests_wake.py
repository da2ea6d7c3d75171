"""Requests know when time next does something with them, by one field; indexes that nothing uses any more go."""

from datetime import timedelta
from typing import Any

from flask import current_app
from pymongo import UpdateOne

from app.models.token_request import OPEN, TokenRequest, next_moment

BATCH = 1_000
UNUSED_INDEXES = (
    "status_1_waiting_since_1",
    "status_1_number_-1",
    "kind_1_number_-1",
    "kind_1_status_1_number_-1",
    "user_1_kind_1_number_-1",
)


def run() -> None:
    """Sets `wakes_at` on what is open, and drops the indexes."""
    requests = TokenRequest._get_collection()
    asleep = {"status": {"$in": [status.value for status in OPEN]}, "wakes_at": None}
    while found := list(requests.find(asleep, {"waiting_since": 1}).limit(BATCH)):
        # Whoever takes a step meanwhile sets the field, or leaves a status that is looked for here.
        requests.bulk_write([UpdateOne({"_id": one["_id"], **asleep}, {"$set": _woken(one)}) for one in found])
    for name in requests.index_information().keys() & set(UNUSED_INDEXES):
        requests.drop_index(name)


def _woken(token_request: dict[str, Any]) -> dict[str, Any]:
    since = token_request["waiting_since"]
    expires_after = timedelta(days=current_app.config["REQUEST_EXPIRY_DAYS"])
    return {"wakes_at": next_moment(since, expires_after, after=since)}
