"""`flask stats`, as an operator types it."""

import json

import pytest
from click.testing import Result
from flask import Flask
from mongoengine.connection import get_db

from app.services import account_commit, statistics, token_accounts
from tests.factories import OPERATOR, make_user


@pytest.fixture
def flask(app: Flask):
    """Runs `flask stats …`."""

    def run(*words: str) -> Result:
        result = app.test_cli_runner().invoke(args=["stats", *words])
        assert "Traceback" not in result.output
        return result

    return run


@pytest.fixture
def ada():
    """She has used 30 tokens in two calls, which are in the ledger."""
    user = make_user("ada@example.com", name="Ada")
    for tokens in (10, 20):
        token_accounts.spend(user.id, tokens, by=OPERATOR)
    account_commit.drain(user.id)
    return user


@pytest.mark.parametrize("words", [(), ("show",)])
def test_it_shows_totals_tiers_top_users_and_the_days_with_use(flask, ada, words):
    statistics.keep_up()
    result = flask(*words)
    assert result.exit_code == 0
    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["tokens", "30"] in rows
    assert ["free", "1", "30", "2", "0.0", "0"] in rows
    assert [str(ada.id), "Ada", "free", "30", "2"] in rows
    assert rows[-1][1:] == ["30", "2"]


@pytest.mark.parametrize("words", [("--json",), ("show", "--json")])
def test_json_has_the_same_and_every_day(flask, ada, words):
    statistics.keep_up()
    found = json.loads(flask(*words).stdout)
    assert (found["tokens"], found["calls"], found["average"], found["active_users"]) == (30, 2, 15, 1)
    assert [tier["name"] for tier in found["tiers"]] == ["free", "pro", "prepaid"]
    assert found["top"] == [{"id": str(ada.id), "name": "Ada", "tier": "free", "used": 30, "calls": 2}]
    assert [day["calls"] for day in found["days"]] == [*[0] * 29, 2]


def test_before_the_first_time_it_says_so(flask):
    result = flask()
    assert (result.exit_code, result.stdout) == (1, "")
    assert "have not been taken yet" in result.stderr


def test_an_empty_database_has_figures_too(flask):
    statistics.take()
    assert flask().exit_code == 0
    assert json.loads(flask("--json").stdout)["top"] == []


def test_a_recount_mends_what_is_wrong(flask, ada):
    statistics.keep_up()
    get_db().daily_figures.update_many({}, {"$inc": {"calls": 1}})
    result = flask("rebuild")
    assert (result.exit_code, result.stdout) == (0, "Counted anew.\n")
    assert "Counting" in result.stderr
    assert json.loads(flask("--json").stdout)["days"][-1]["calls"] == 2


@pytest.mark.parametrize("words", [["nothing"], ["rebuild", "now"], ["--yes"]])
def test_called_wrongly_it_is_a_usage_error(flask, words):
    assert flask(*words).exit_code == 2
