"""`flask quota`, as an operator types it."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import Result
from flask import Flask

from app.models.account import GrantSource
from app.models.audit_event import AuditEvent
from app.models.token_account import TokenAccount
from app.models.user import User
from app.services import ledger, tier_terms, token_accounts, user_changes
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

    def test_the_user_is_named_in_every_way_in_which_programs_name_one(self, flask, ada):
        User.objects(id=ada.id).update(external_id="u-17", phone="+79991234567", phone_confirmed=True)
        for name in ("external:u-17", "+79991234567"):
            assert "ada@example.com" in flask("show", name).stdout
        assert flask("show", "external:u-18").exit_code == 1

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


class TestGrant:
    def test_it_stays_beside_the_allowance(self, flask, ada):
        result = flask("grant", "ada@example.com", "500", *WHY)
        assert (result.exit_code, result.stdout) == (0, "Granted 500 tokens; 83,000 available.\n")
        grant = token_accounts.view(ada.id).grants[-1]
        assert (grant.source, grant.left, grant.expires_at) == ("adjustment", 500, None)
        assert token_accounts.view(ada.id).used == 67_500
        event = AuditEvent.objects.get(action="account.grant")
        assert (event.actor["kind"], event.reason) == ("cli", "Sorry for the outage")

    @pytest.mark.parametrize(
        ("expires", "at"),
        [
            ("2099-01-31", datetime(2099, 1, 31, tzinfo=UTC)),
            ("2099-01-31T18:05", datetime(2099, 1, 31, 18, 5, tzinfo=UTC)),
        ],
    )
    @pytest.mark.parametrize("source", GrantSource)
    def test_it_has_a_source_and_may_expire(self, flask, ada, source, expires, at):
        assert (
            flask("grant", "ada@example.com", "5", "--source", str(source), "--expires", expires, *WHY).exit_code == 0
        )
        grant = next(one for one in token_accounts.view(ada.id).grants if one.left == 5)
        assert (grant.source, grant.expires_at) == (source, at)

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["0"], "tokens: Must be at least 1."),
            (["-5"], "tokens: Must be at least 1."),
            (["1000000001"], "tokens: Must be at most 1000000000."),
            (["9" * 4_000], "tokens: Must be at most 1000000000."),
            (["5", "--expires", "2020-01-01"], "expires_at: Must be in the future."),
        ],
        ids=lambda value: str(value)[:30],
    )
    def test_what_cannot_be_granted_is_refused(self, flask, ada, words, said):
        tokens, *options = words
        result = flask("grant", *WHY, *options, "--", "ada@example.com", tokens)
        assert (result.exit_code, said in result.stderr) == (1, True)
        assert token_accounts.view(ada.id).balance == 82_500

    @pytest.mark.parametrize("words", [["x"], ["1.5"], ["5", "--source", "gift"], ["5", "--expires", "soon"]])
    def test_what_is_not_understood_is_a_usage_error(self, flask, ada, words):
        assert flask("grant", "ada@example.com", *words, *WHY).exit_code == 2


class TestApplyTiers:
    @pytest.fixture
    def others(self, ada):
        """Two more on her tier, and one on another."""
        users = [make_user(), make_user(), make_user("pro@example.com", tier="pro")]
        for user in users:
            token_accounts.spend(user.id, 10, by=OPERATOR)
        return users

    @pytest.fixture
    def raised(self, app, others, monkeypatch):
        """The settings give the tier free 150,000 tokens for two weeks now."""
        tiers = {**app.config["TIERS"], "free": {"limit": 150_000, "period_days": 14}}
        monkeypatch.setitem(app.config, "TIERS", tiers)

    def test_where_nothing_differs_it_says_so(self, flask, others):
        before = list(TokenAccount._get_collection().find())
        result = flask("apply-tiers")
        assert (result.exit_code, result.stdout) == (0, "Every account has the terms of its tier.\n")
        assert list(TokenAccount._get_collection().find()) == before

    @pytest.mark.usefixtures("raised")
    def test_each_account_that_differs_has_the_new_terms(self, flask, ada, others):
        begun = token_accounts.view(ada.id).period_start
        result = flask("apply-tiers", "--yes")
        assert (result.exit_code, result.stdout) == (0, "3 accounts have the terms of their tier now.\n")
        account = token_accounts.view(ada.id)
        assert (account.limit, account.used, account.balance) == (150_000, 67_500, 132_500)
        assert (account.period_start, account.period) == (begun, timedelta(days=14))
        assert [token_accounts.view(user.id).limit for user in others] == [150_000, 150_000, 1_000_000]
        assert (newest(ada)["type"], newest(ada)["amount"], newest(ada)["by"]["kind"]) == ("adjustment", 50_000, "cli")
        assert newest(others[2])["type"] == "usage"
        assert AuditEvent.objects(action="account.change_tier").count() == 3
        assert flask("apply-tiers").stdout == "Every account has the terms of its tier.\n"

    @pytest.mark.usefixtures("raised")
    def test_it_asks_first(self, flask, ada):
        result = flask("apply-tiers")
        assert (result.exit_code, "Change the terms of 3 accounts?" in result.output) == (1, True)
        assert token_accounts.view(ada.id).limit == 100_000

    @pytest.mark.usefixtures("raised")
    def test_broken_off_it_goes_on_with_what_is_left(self, flask, ada, monkeypatch):
        monkeypatch.setattr(tier_terms, "BATCH", 2)
        begun = tier_terms.apply(by=OPERATOR, reason="Raised")
        next(begun)
        begun.close()
        assert flask("apply-tiers", "--yes").stdout == "2 accounts have the terms of their tier now.\n"
        assert tier_terms.count() == 0

    @pytest.mark.usefixtures("raised")
    def test_a_tier_that_changes_meanwhile_wins(self, ada, statements):
        with statements.meanwhile("find users", lambda: user_changes.set_tier(ada.id, "pro", by=OPERATOR)) as fate:
            assert next(tier_terms.apply(by=OPERATOR, reason="Raised")) == ada.id
        assert fate.happened
        account = token_accounts.view(ada.id)
        assert (account.tier, account.limit) == ("pro", 1_000_000)

    def test_an_account_whose_tier_is_gone_keeps_its_terms(self, app, flask, ada, monkeypatch):
        tiers = {name: tier for name, tier in app.config["TIERS"].items() if name != "free"}
        monkeypatch.setitem(app.config, "TIERS", tiers)
        assert flask("apply-tiers", "--yes").stdout == "Every account has the terms of its tier.\n"
        assert token_accounts.view(ada.id).limit == 100_000


CHANGES = [["reset", "ada@example.com"], ["add-bonus", "ada@example.com", "10"], ["grant", "ada@example.com", "10"]]


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
@pytest.mark.parametrize(
    "words", [["show"], ["reset", *WHY], ["add-bonus", *WHY], ["grant", *WHY]], ids=lambda words: words[0]
)
def test_nobody_is_an_error(flask, words, user):
    result = flask(*words, "--", user, *(["10"] if words[0] in ("add-bonus", "grant") else []))
    assert (result.exit_code, result.stderr) == (1, "Error: There is no such user.\n")
