"""The demo: what is in it, and that it comes once."""

from mongoengine.connection import get_db

from app.models.catalogue_token import CatalogueToken
from app.models.domain_error import InsufficientTokens
from app.models.order import Order
from app.models.token_request import TokenRequest
from app.models.user import User
from app.services import assistants, chat, demo, duplicates, ledger, passwords, review, token_accounts, users
from tests.factories import OPERATOR, actor_of, make_user


def test_it_makes_a_user_and_an_admin_to_sign_in_as():
    accounts = {account.email: account for account in demo.seed(by=OPERATOR)}
    assert set(accounts) == {"demo@example.com", "admin@example.com"}
    for email, account in accounts.items():
        assert passwords.matches(users.by_email(email).password_hash, account.password)
    assert users.by_email("admin@example.com").has("requests.review")
    assert not users.by_email("demo@example.com").has_any_permission


def test_passwords_are_new_each_time():
    first = demo.seed(by=OPERATOR)
    User.objects.delete()
    second = demo.seed(by=OPERATOR)
    assert len({account.password for account in first + second}) == 4


def test_the_demo_user_has_little_left_and_a_history_that_tells_where_it_went():
    demo.seed(by=OPERATOR)
    user = users.by_email("demo@example.com")
    assert token_accounts.view(user.id).available == demo.LEFT
    history = ledger.history(user.id)
    assert len({entry["description"] for entry in history if entry["type"] == "usage"}) == len(demo.USE)


def test_two_or_three_answers_use_it_up():
    assistants.ensure_default()
    demo.seed(by=OPERATOR)
    user = users.by_email("demo@example.com")
    conversation, answers = None, 0
    questions = ["Hello!", "How do tokens work?", "Show me some code", "Who are you?"]
    try:
        for question in questions:
            said = chat.send(user, text=question, key=f"q{answers}", by=actor_of(user), conversation_id=conversation)
            conversation, answers = str(said.conversation), answers + 1
    except InsufficientTokens:
        pass
    assert answers in (2, 3)


def test_some_tokens_are_listed_and_some_wait_one_of_which_looks_like_a_listed_one():
    demo.seed(by=OPERATOR)
    assert {one.symbol for one in CatalogueToken.objects.listed()} == {"USDC", "USDT", "LINK", "CAKE", "BONK"}
    pending = {one.token_symbol: one for one in TokenRequest.objects(status="pending")}
    assert set(pending) == {"GRT", "AERO", "LlNK"}
    assert TokenRequest.objects.count() == 8
    assert duplicates.evidence(pending["GRT"]).supporters == 3
    (alike,) = duplicates.evidence(pending["LlNK"]).alike
    assert (alike.symbol, alike.status) == ("LINK", None)


def test_what_was_decided_since_stays_decided():
    demo.seed(by=OPERATOR)
    review.reject(TokenRequest.objects(status="pending").first(), by=OPERATOR)
    review.revoke(TokenRequest.objects(status="approved").first(), by=OPERATOR, reason="A mistake.")
    before = stored()
    demo.seed(by=OPERATOR)
    assert stored() == before


def test_one_order_is_paid_and_one_waits_to_be_confirmed_also_when_it_is_seeded_again():
    for _ in range(2):
        demo.seed(by=OPERATOR)
        found = {users.get(order.user).name: order.status for order in Order.objects}
        assert found == {"Maria Petrova": "paid", "Lucas Martin": "created"}


def test_where_stripe_takes_payments_or_nothing_is_for_sale_nobody_has_ordered_anything(app, monkeypatch, stripe):
    demo.seed(by=OPERATOR)
    monkeypatch.setitem(app.config, "PAYMENT_PROVIDER", "manual")
    monkeypatch.setitem(app.config, "PACKAGES", {})
    demo.seed(by=OPERATOR)
    assert Order.objects.count() == 0


def test_others_have_used_tokens_too_and_one_has_used_them_up():
    demo.seed(by=OPERATOR)
    others = User.objects(password_hash=None)
    usage = {user.name: token_accounts.view(user.id).usage_percent for user in others}
    assert len(usage) == len(demo.OTHERS)
    assert usage["Lucas Martin"] == 100
    assert 0 < usage["Aiko Tanaka"] < 100
    assert {user.tier for user in User.objects} == {"free", "pro"}


def stored():
    names = ("users", "token_accounts", "ledger_entries", "audit_events", "notifications")
    names += ("token_requests", "supports", "catalogue_tokens")
    return {name: list(get_db()[name].find().sort("_id")) for name in names}


def test_a_second_time_changes_nothing():
    demo.seed(by=OPERATOR)
    before = stored()
    assert demo.seed(by=OPERATOR) == []
    assert stored() == before


def test_a_second_time_under_other_settings_changes_nothing_either(app, monkeypatch):
    demo.seed(by=OPERATOR)
    monkeypatch.setitem(app.config, "INITIAL_TOKENS", 40_000)
    assert demo.seed(by=OPERATOR) == []
    assert token_accounts.view(users.by_email("demo@example.com").id).available == demo.LEFT


def test_it_goes_on_where_a_crash_left_it():
    maria = make_user("maria.petrova@example.com", tier="pro")
    assert len(demo.seed(by=OPERATOR)) == 2
    assert token_accounts.view(maria.id).used > 0


def test_with_an_allowlist_the_admin_is_one_whom_it_names(app, monkeypatch):
    monkeypatch.setitem(app.config, "ADMIN_EMAILS", ["boss@example.com"])
    assert [account.email for account in demo.seed(by=OPERATOR)] == ["demo@example.com", "boss@example.com"]


def test_other_tiers_are_no_obstacle(app, monkeypatch):
    tiers = {"small": {"limit": 1_000, "period_days": 1}, "none": {"limit": 0, "period_days": 0}}
    monkeypatch.setitem(app.config, "TIERS", tiers)
    monkeypatch.setitem(app.config, "DEFAULT_TIER", "small")
    assert len(demo.seed(by=OPERATOR)) == 2
    assert token_accounts.view(users.by_email("demo@example.com").id).available == demo.LEFT
