"""How often one caller may ask."""

import pytest
from limits import RateLimitItemPerMinute
from mongoengine.connection import get_db

from app import rate_limits


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
