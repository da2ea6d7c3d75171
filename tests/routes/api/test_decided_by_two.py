"""Two admins decide the same requests at the same moment, over real HTTP: as many effects as requests."""

import http.client
import json
import threading
from collections import Counter
from collections.abc import Iterator

import pytest
from flask import Flask
from mongoengine.connection import get_db

from app.models.audit_event import AuditEvent
from app.models.notification import Notification
from app.services import ledger_verify
from tests.factories import bearer, make_admin, make_request
from tests.serving import over_http

# One key may call 300 times a minute.
CALLS_A_KEY = 200


@pytest.fixture
def port(app: Flask) -> Iterator[int]:
    """A server on loopback, as many threads as there are callers."""
    with over_http(app) as url:
        yield int(url.rpartition(":")[2])


def decide(port: int, keys: list[dict[str, str]], numbers: list[int], meet: threading.Barrier) -> list[tuple[int, str]]:
    """Approves each request as soon as the other one is ready for it; gives status and code of each answer."""
    connection, answers = http.client.HTTPConnection("127.0.0.1", port, timeout=60), []
    for place, number in enumerate(numbers):
        meet.wait(timeout=60)
        headers = keys[place // CALLS_A_KEY]
        connection.request("PUT", f"/api/admin/token-requests/{number}/approve", headers=headers)
        response = connection.getresponse()
        answers.append((response.status, json.loads(response.read()).get("code", "")))
    connection.close()
    return answers


@pytest.mark.parametrize("many", [60, pytest.param(1_000, marks=pytest.mark.long)])
def test_as_many_effects_as_requests(port, threads, many):
    numbers = [make_request(used=100).number for _ in range(many)]
    admins = [make_admin(), make_admin()]
    keys = [[bearer(one, "requests.review") for _ in range(0, many, CALLS_A_KEY)] for one in admins]
    meet = threading.Barrier(2)
    both = threads(lambda i: decide(port, keys[i], numbers, meet), 2)
    assert Counter(answer for answers in both for answer in answers) == {
        (200, ""): many,
        (400, "already_decided"): many,
    }
    # Of each request one answer is of each kind.
    assert all({one[0], other[0]} == {200, 400} for one, other in zip(*both, strict=True))
    assert AuditEvent.objects(action="request.approve").count() == many
    assert Notification.objects(kind="request_approved").count() == many
    resets = Counter(
        entry["reference"]["request"]
        for account in get_db().token_accounts.find()
        for entry in [*account["entries"], *get_db().ledger_entries.find({"account": account["_id"]})]
        if entry["type"] == "reset"
    )
    assert resets == dict.fromkeys(numbers, 1)
    assert [problem for _account, problem in ledger_verify.verify() if problem] == []
