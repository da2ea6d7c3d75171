"""`flask demo seed`, as an operator types it."""

import json

import pytest

from app.models.demo_crowd import DemoCrowd
from app.models.token_request import TokenRequest
from app.models.user import User
from app.services import ledger_verify, statistics


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


def test_it_adds_a_crowd_and_counts_it(seed):
    done = seed("--users", "40", "--requests", "30")
    assert done.exit_code == 0
    assert done.stdout.startswith("Made 40 users and 30 requests in ")
    assert "Making" in done.stderr
    assert (User.objects.count(), TokenRequest.objects.count()) == (40, 30)
    assert [problem for _, problem in ledger_verify.verify() if problem] == []
    assert sum(tier.users for tier in statistics.overview().tiers) == 40


def test_a_seed_can_be_named_and_programs_get_json(seed):
    made = json.loads(seed("--users", "5", "--seed", "77", "--json").stdout)
    assert made == {"seed": 77, "users": 5, "requests": 0, "seconds": made["seconds"]}
    assert DemoCrowd.objects.get(seed=77).done_at


def test_the_small_demo_and_a_crowd_live_side_by_side(seed):
    assert seed().exit_code == seed("--users", "5").exit_code == seed().exit_code == 0
    assert "demo@example.com" in [user.email for user in User.objects]


def test_a_crowd_of_another_size_from_a_seed_is_refused(seed):
    assert seed("--users", "5", "--seed", "3").exit_code == 0
    refused = seed("--users", "6", "--seed", "3")
    assert (refused.exit_code, User.objects.count()) == (1, 5)
    assert "use another seed" in refused.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--requests", "5"], "go with --users"),
        (["--seed", "5"], "go with --users"),
        (["--users", "0"], "0 is not in the range"),
        (["--users", "1", "--requests", "-1"], "-1 is not in the range"),
        (["--users", "1", "--seed", "1000"], "1000 is not in the range"),
    ],
)
def test_what_makes_no_sense_is_refused(seed, words, says):
    refused = seed(*words)
    assert (refused.exit_code, User.objects.count()) == (2, 0)
    assert says in refused.stderr


def test_in_production_a_crowd_wants_to_be_told_twice_too(app, seed, monkeypatch):
    monkeypatch.setitem(app.config, "ENVIRONMENT", "production")
    assert seed("--users", "5").exit_code == 2
    assert User.objects.count() == 0
    assert seed("--users", "5", "--yes").exit_code == 0
