"""`flask quota`, as an operator types it."""

import json

import pytest
from click.testing import Result
from flask import Flask

from app.models.audit_event import AuditEvent
from app.models.token_account import TokenAccount
from app.services import ledger, token_accounts
from tests.factories import OPERATOR, make_user

WHY = ["--reason", "Sorry for the outage"]


@pytest.fixture
def flask(app: Flask):
    """Runs `flask quota …`."""

    def run(*words: str) -> Result:
        result = app.test_cli_runner().invoke(args=["quota", *words])
        assert "Traceback" not in result.output
        return result

    return run


@pytest.fixture
def ada():
    """She has used 67,500 of her allowance."""
    user = make_user("ada@example.com")
    token_accounts.spend(user.id, 67_500, by=OPERATOR)
    return user


def newest(user):
    return ledger.history(user.id, limit=1)[0]


class TestShow:
    @pytest.mark.parametrize("by", ["email", "id"])
    def test_it_shows_the_account(self, flask, ada, by):
        text = flask("show", str(ada[by])).stdout
        for fact in ("free", "100000", "67500", "82500", "initial", "50000"):
            assert fact in text

    def test_json_has_every_figure(self, flask, ada):
        token_accounts.hold(ada.id, 500, by=OPERATOR)
        facts = json.loads(flask("show", "ada@example.com", "--json").stdout)
        expected = {
            "user": "ada@example.com",
            "tier": "free",
            "limit": 100_000,
            "used": 67_500,
            "balance": 82_500,
            "held": 500,
            "available": 82_000,
            "usage_percent": 67.5,
            "period_calls": 1,
            "lifetime_calls": 1,
            "lifetime_tokens": 67_500,
        }
        assert {name: facts[name] for name in expected} == expected
        (grant,) = facts["grants"]
        assert (grant["source"], grant["amount"], grant["left"], grant["expires_at"]) == (
            "initial",
            50_000,
            50_000,
            None,
        )
        assert facts["period_end"].endswith("Z")

    def test_without_an_allowance_there_is_no_period(self, flask):
        make_user("bob@example.com", tier="prepaid")
        facts = json.loads(flask("show", "bob@example.com", "--json").stdout)
        assert (facts["limit"], facts["period_end"], facts["balance"]) == (0, None, 50_000)

    def test_looking_writes_nothing(self, flask):
        make_user("bob@example.com")
        assert flask("show", "bob@example.com").exit_code == 0
        assert TokenAccount.objects.count() == 0


class TestReset:
    def test_the_whole_allowance_is_there_again(self, flask, ada):
        result = flask("reset", "ada@example.com", *WHY)
        assert (result.exit_code, result.stdout) == (0, "Gave back 67,500 tokens; 150,000 available.\n")
        assert (token_accounts.view(ada.id).used, token_accounts.view(ada.id).balance) == (0, 150_000)
        assert (newest(ada)["type"], newest(ada)["by"]["kind"]) == ("reset", "cli")

    def test_it_leaves_one_audit_event_with_the_reason(self, flask, ada):
        flask("reset", "ada@example.com", *WHY)
        event = AuditEvent.objects.get(action="account.reset")
        assert (event.actor["kind"], event.reason, event.object["id"]) == ("cli", "Sorry for the outage", str(ada.id))
        assert (event.before["used"], event.after["used"]) == (67_500, 0)


class TestAddBonus:
    @pytest.mark.parametrize(
        ("bonus", "used", "grant"), [(50_000, 17_500, 0), (67_500, 0, 0), (100_000, 0, 32_500), (1, 67_499, 0)]
    )
    def test_the_balance_rises_by_exactly_the_bonus(self, flask, ada, bonus, used, grant):
        result = flask("add-bonus", "ada@example.com", str(bonus), *WHY)
        assert (result.exit_code, result.stdout) == (0, f"Added {bonus:,} tokens; {82_500 + bonus:,} available.\n")
        account = token_accounts.view(ada.id)
        assert (account.used, account.balance) == (used, 82_500 + bonus)
        assert sum(one.left for one in account.grants if one.source == "bonus") == grant
        assert AuditEvent.objects.get(action="account.bonus").reason == "Sorry for the outage"

    @pytest.mark.parametrize("tokens", ["0", "-5", "1000001"])
    def test_a_bonus_out_of_bounds_is_refused(self, flask, ada, tokens):
        result = flask("add-bonus", *WHY, "--", "ada@example.com", tokens)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "amount: Must be at" in result.stderr
        assert token_accounts.view(ada.id).balance == 82_500

    @pytest.mark.parametrize("tokens", ["x", "1.5", "1e3", "", "1_000_000_000_000_000_000_000_x"])
    def test_what_is_no_number_is_a_usage_error(self, flask, ada, tokens):
        assert flask("add-bonus", "ada@example.com", tokens, *WHY).exit_code == 2


CHANGES = [["reset", "ada@example.com"], ["add-bonus", "ada@example.com", "10"]]


@pytest.mark.parametrize("words", CHANGES)
def test_a_change_needs_a_reason(flask, ada, words):
    before = TokenAccount._get_collection().find_one()
    result = flask(*words)
    assert result.exit_code == 2
    assert "--reason" in result.stderr
    for reason in ("", "  ", "x" * 501, "nul\0"):
        result = flask(*words, "--reason", reason)
        assert result.exit_code == 1
        assert "reason" in result.stderr
    assert TokenAccount._get_collection().find_one() == before


@pytest.mark.parametrize("user", ["nobody@example.com", "6b00df86a4db0f8dc5f432e2", "x", "", "@"])
@pytest.mark.parametrize("words", [["show"], ["reset", *WHY], ["add-bonus", *WHY]], ids=lambda words: words[0])
def test_nobody_is_an_error(flask, words, user):
    result = flask(*words, "--", user, *(["10"] if words[0] == "add-bonus" else []))
    assert (result.exit_code, result.stderr) == (1, "Error: There is no such user.\n")
