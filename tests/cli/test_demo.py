"""`flask demo seed`, as an operator types it."""

import json

import pytest

from app.models.user import User


@pytest.fixture
def seed(app):
    return lambda *words: app.test_cli_runner().invoke(args=["demo", "seed", *words])


def test_it_prints_whom_to_sign_in_as_once(seed):
    first, second = seed(), seed()
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "demo@example.com" in first.stdout
    assert "admin@example.com" in first.stdout
    assert second.stdout == "The demo is there already; nothing was changed.\n"


def test_it_prints_json_for_programs(seed):
    assert [set(row) for row in json.loads(seed("--json").stdout)] == [{"email", "password", "what"}] * 2
    assert json.loads(seed("--json").stdout) == []


def test_in_production_it_wants_to_be_told_twice(app, seed, monkeypatch):
    monkeypatch.setitem(app.config, "ENVIRONMENT", "production")
    refused = seed()
    assert refused.exit_code == 2
    assert "say --yes" in refused.stderr
    assert User.objects.count() == 0
    assert seed("--yes").exit_code == 0


def test_its_help_has_an_example(seed):
    assert "flask demo seed" in seed("--help").stdout
