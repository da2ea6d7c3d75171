"""How often one caller may ask."""

from datetime import UTC, datetime

import pytest
import time_machine
from limits import RateLimitItemPerMinute
from mongoengine.connection import get_db

from app import rate_limits
from app.models.domain_error import TooManyRequests


def test_whoever_asks_too_often_is_told_to_wait(client, app, monkeypatch):
    monkeypatch.setitem(app.config, "REQUESTS_A_MINUTE", 3)
    answers = [client.get("/sign-in").status_code for _ in range(4)]
    assert answers == [200, 200, 200, 429]
    assert client.get("/sign-in").headers["Retry-After"] == "60"


def test_health_checks_and_static_files_are_not_counted(client, app, monkeypatch):
    monkeypatch.setitem(app.config, "REQUESTS_A_MINUTE", 1)
    for _ in range(3):
        assert client.get("/healthz").status_code == 200
        assert client.get("/static/favicon.svg").status_code == 200
    assert get_db().rate_limit_windows.count_documents({}) == 0


def test_all_who_come_at_once_are_counted(threads):
    limit = RateLimitItemPerMinute(10)
    outcomes = threads(lambda _: rate_limits.strategy().hit(limit, "somebody"), 16)
    assert outcomes.count(True) == 10
    assert outcomes.count(False) == 6


def test_in_one_process_all_who_come_at_once_are_counted_too(threads):
    limit = RateLimitItemPerMinute(10)
    outcomes = threads(lambda _: rate_limits.in_memory().hit(limit, "somebody"), 16)
    assert outcomes.count(True) == 10


def test_a_caller_over_the_limit_hears_for_how_long():
    limit = RateLimitItemPerMinute(2)
    for counter in (rate_limits.in_memory(), rate_limits.strategy()):
        with time_machine.travel(datetime(2026, 3, 10, 12, 0, 15, tzinfo=UTC), tick=False):
            for _ in range(2):
                rate_limits.count(counter, limit, "a", "somebody")
            rate_limits.count(counter, limit, "a", "somebody else")
            with pytest.raises(TooManyRequests) as refusal:
                rate_limits.count(counter, limit, "a", "somebody")
        assert 1 <= refusal.value.values["retry_after"] <= 60


def test_a_window_ends_and_is_forgotten():
    start = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
    with time_machine.travel(start, tick=False) as time:
        counters = rate_limits.ProcessStorage()
        assert [counters.incr("a", 60), counters.incr("a", 60), counters.incr("b", 60)] == [1, 2, 1]
        assert counters.get_expiry("a") == start.timestamp() + 60
        time.shift(59)
        assert counters.get("a") == 2
        time.shift(1)
        assert counters.get("a") == 0
        assert counters.incr("c", 60) == 1
        assert list(counters._windows) == ["c"]
        counters.clear("c")
        assert counters.get("c") == 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("fe80::1%eth0", "fe80::"),
        ("unknown", "unknown"),
    ],
)
def test_one_holder_of_addresses_is_counted_once(address, network):
    assert rate_limits.network(address) == network
