"""Log lines: one form, with the request's id and route, and impossible to forge."""

import json
import logging
import sys

import pytest

from app import logs
from tests.factories import PASSWORD, make_user


def line(*, as_json, message="event", **values):
    record = logging.LogRecord("somebody", logging.INFO, "file", 1, message, None, None)
    record.__dict__.update(values)
    return logs.formatter(as_json=as_json).format(record)


def test_production_logs_json():
    written = json.loads(line(as_json=True, message="It's done"))
    assert written["event"] == "It's done"
    assert written["level"] == "info"
    assert written["logger"] == "somebody"
    assert written["timestamp"].endswith("Z")


@pytest.mark.parametrize("as_json", [True, False])
def test_no_text_can_begin_a_line_of_its_own(as_json):
    forged = line(as_json=as_json, message="name\n2026-11-20 [info] signed in\r\x1b[2J\u2028x")
    assert len(forged.splitlines()) == 1
    assert "\x1b[2J" not in forged


@pytest.mark.parametrize("as_json", [True, False])
def test_an_error_is_logged_with_where_it_came_from_and_without_the_values_there(as_json):
    def sign_in(password):
        raise ValueError(f"{len(password)} characters")

    try:
        sign_in(PASSWORD)
    except ValueError:
        record = logging.LogRecord("somebody", logging.ERROR, "file", 1, "failed", None, sys.exc_info())
    written = logs.formatter(as_json=as_json).format(record)
    assert "22 characters" in written
    assert "sign_in" in written
    assert PASSWORD not in written


def test_a_request_is_logged_by_its_route_and_not_its_path(client, caplog):
    with caplog.at_level(logging.INFO):
        client.get("/requests/98765", headers={"X-Request-ID": "trace-0123456789"})
    messages = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    (logged,) = [message for message in messages if message["event"] == "request"]
    assert logged["route"].startswith("/requests/<int")
    assert logged["request_id"] == "trace-0123456789"
    assert logged["status"] == 303
    assert "98765" not in str(logged)


@pytest.mark.parametrize(
    "given", ["short", "x" * 65, "trace 0123456789", "trace-0123\n56789", "über-0123456789", '"}{"a":"b']
)
def test_an_id_that_could_harm_a_log_is_replaced(client, given):
    named = {} if "\n" in given else {"X-Request-ID": given.encode().decode("latin-1")}
    answered = client.get("/healthz", headers=named).headers["X-Request-ID"]
    assert logs.REQUEST_ID.fullmatch(answered)
    assert answered != given
    assert not logs.REQUEST_ID.fullmatch(given)


def told(caplog, event):
    """What the log says of each such event, but for what every line has."""
    lines = [record.msg for record in caplog.records if isinstance(record.msg, dict) and record.msg["event"] == event]
    return [{name: line[name] for name in ("user", "step", "why") if name in line} for line in lines]


def test_who_signs_in_and_whom_it_was_refused_is_logged_without_what_was_typed(client, caplog):
    ann = make_user("ann@example.com", password=PASSWORD)
    with caplog.at_level(logging.INFO):
        client.post("/sign-in", data={"email": "ann@example.com", "password": "wrong horse battery"})
        client.post("/sign-in", data={"email": "ann@example.com", "password": PASSWORD})
        client.get("/account")
    assert told(caplog, "sign_in_refused") == [{"step": "password", "why": "bad_credentials"}]
    assert told(caplog, "signed_in") == [{"user": str(ann.id)}]
    assert told(caplog, "request")[-1] == {"user": str(ann.id)}
    assert "ann@example.com" not in caplog.text
    assert "horse" not in caplog.text
    assert PASSWORD not in caplog.text


def test_health_checks_are_not_worth_a_line(client, caplog):
    with caplog.at_level(logging.INFO):
        client.get("/healthz")
    assert not caplog.records
