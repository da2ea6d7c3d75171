"""Whether a user is out of tokens is known on the user: after each operation that crosses the line, and after time did."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from mongoengine.connection import get_db

from app.models.token_account import TokenAccount
from app.models.user import User
from app.services import due, host_users, out_of_tokens, token_accounts, user_changes, users
from tests.factories import OPERATOR, make_user

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
WEEK = timedelta(days=7)


@pytest.fixture(autouse=True)
def clock_hand():
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def ann():
    return make_user("ann@example.com")


def is_out(user):
    return users.get(user.id).out_of_tokens


def spend(user, tokens, **values):
    return token_accounts.spend(user.id, tokens, by=OPERATOR, **values)


def spend_to(user, left):
    spend(user, token_accounts.view(user.id).available - left)


WAYS_OUT = {
    "a spend": lambda user: spend(user, 101),
    "a spend with a key": lambda user: spend(user, 101, key="k"),
    "a hold": lambda user: token_accounts.hold(user.id, 101, by=OPERATOR),
}
WAYS_BACK = {
    "a reset": lambda user: token_accounts.reset(user.id, by=OPERATOR, reason="Back"),
    "a bonus": lambda user: token_accounts.add_bonus(user.id, 200, by=OPERATOR, reason="Back"),
    "a grant": lambda user: token_accounts.grant(user.id, 200, source="adjustment", by=OPERATOR, reason="Back"),
    "another tier": lambda user: user_changes.set_tier(user.id, "pro", by=OPERATOR),
}


@pytest.mark.parametrize("out", WAYS_OUT.values(), ids=WAYS_OUT)
@pytest.mark.parametrize("back", WAYS_BACK.values(), ids=WAYS_BACK)
def test_each_crossing_of_the_line_is_noted_at_once(ann, out, back):
    spend_to(ann, 300)
    assert not is_out(ann)
    out(ann)
    assert is_out(ann)
    back(ann)
    assert not is_out(ann)
    assert users.get(ann.id).out_until is None


def test_a_released_hold_brings_the_user_back(ann):
    spend_to(ann, 300)
    held = token_accounts.hold(ann.id, 200, by=OPERATOR)
    assert is_out(ann)
    token_accounts.release(held.hold_id, by=OPERATOR)
    assert not is_out(ann)


@pytest.mark.parametrize(("left", "expected"), [(200, False), (199, True), (0, True)])
def test_the_line_is_what_an_answer_needs(ann, left, expected):
    spend_to(ann, left)
    assert is_out(ann) == expected


def test_plain_spends_one_by_one_never_cross_unseen(ann):
    spend_to(ann, 50_000 + 1_000)
    while token_accounts.view(ann.id).available > 50_000:
        spend(ann, 60)
    spend_to(ann, 500)
    for _ in range(5):
        before = token_accounts.view(ann.id).available
        spend(ann, 99)
        assert is_out(ann) == (before - 99 < 200)


def test_plain_spends_from_the_allowance_never_cross_unseen(app, monkeypatch):
    monkeypatch.setitem(app.config, "INITIAL_TOKENS", 0)
    # The warning comes later than the line, so that it is the line alone that stops the short cut.
    monkeypatch.setitem(app.config, "LOW_BALANCE_TOKENS", 10)
    bob = make_user()
    spend(bob, 99_000)
    for _ in range(9):
        spend(bob, 100)
        assert is_out(bob) == (token_accounts.view(bob.id).available < 200)


def test_what_crosses_nothing_notes_nothing(ann):
    spend(ann, 1_000)
    assert users.get(ann.id).tokens_noted is None


class TestTime:
    def test_a_renewal_of_an_idle_account_is_caught_by_the_worker(self, ann, clock_hand):
        spend_to(ann, 0)
        assert users.get(ann.id).out_until == NOON + WEEK
        clock_hand.move_to(NOON + WEEK - timedelta(milliseconds=1))
        assert out_of_tokens.note_renewed() == 0
        clock_hand.move_to(NOON + WEEK)
        assert out_of_tokens.note_renewed() == 1
        assert not is_out(ann)
        assert out_of_tokens.note_renewed() == 0

    def test_a_hold_that_ends_by_itself_too(self, ann, clock_hand):
        spend_to(ann, 300)
        token_accounts.hold(ann.id, 200, by=OPERATOR, ttl=60)
        clock_hand.shift(60)
        assert out_of_tokens.note_renewed() == 1
        assert not is_out(ann)

    def test_what_is_still_out_is_looked_at_again_later(self, clock_hand):
        pia = make_user(tier="prepaid")
        token_accounts.grant(
            pia.id, 100, source="beta", by=OPERATOR, reason="Try it", expires_at=NOON + timedelta(hours=1)
        )
        spend_to(pia, 50)
        assert (is_out(pia), users.get(pia.id).out_until) == (True, datetime(9999, 1, 1, tzinfo=UTC))
        clock_hand.shift(3_600)
        assert out_of_tokens.note_renewed() == 0

    @pytest.mark.parametrize("noticed", [True, False])
    def test_who_was_renewed_and_spends_it_all_is_out_whether_or_not_the_worker_had_noticed(
        self, ann, clock_hand, noticed
    ):
        spend_to(ann, 0)
        clock_hand.move_to(NOON + WEEK)
        if noticed:
            out_of_tokens.note_renewed()
        spend(ann, 100_000)
        assert is_out(ann)
        assert users.get(ann.id).out_until == NOON + 2 * WEEK

    def test_who_was_renewed_and_spends_a_little_is_not(self, ann, clock_hand):
        spend_to(ann, 0)
        clock_hand.move_to(NOON + WEEK)
        spend(ann, 1)
        assert not is_out(ann)

    def test_the_worker_takes_a_bounded_part(self, clock_hand):
        for user in [make_user() for _ in range(3)]:
            spend_to(user, 0)
        clock_hand.move_to(NOON + WEEK)
        assert [out_of_tokens.note_renewed(limit=2) for _ in range(3)] == [2, 1, 0]

    def test_its_query_has_an_index(self):
        plan = User._get_collection().find({"out_until": {"$lte": NOON}}).explain()["queryPlanner"]["winningPlan"]
        assert "IXSCAN" in str(plan)


class TestOrder:
    def test_a_later_state_is_never_overwritten(self, ann):
        spend_to(ann, 0)
        User.objects(id=ann.id).update(tokens_noted=10_000, out_of_tokens=False)
        out_of_tokens.note(ann.id)
        assert not is_out(ann)
        User.objects(id=ann.id).update(tokens_noted=1)
        out_of_tokens.note(ann.id)
        assert is_out(ann)

    def test_a_note_that_was_left_over_says_what_holds_now(self, ann):
        spend_to(ann, 0)
        token_accounts.reset(ann.id, by=OPERATOR, reason="Back")
        due.VERBS["users.note_tokens"](key="old", at=NOON, user=ann.id)
        assert not is_out(ann)

    def test_crossings_at_once_end_with_the_truth(self, ann, threads):
        spend_to(ann, 300)

        def cross(i):
            if i % 2:
                return spend(ann, 150)
            return token_accounts.add_bonus(ann.id, 150, by=OPERATOR, reason="Back")

        for _ in range(3):
            threads(cross, 8)
            due.perform(TokenAccount, ann.id)
            assert is_out(ann) == (token_accounts.view(ann.id).available < 200)

    def test_a_user_who_is_gone_is_no_error(self, ann):
        spend_to(ann, 0)
        User.objects(id=ann.id).delete()
        token_accounts.reset(ann.id, by=OPERATOR, reason="Back")
        # The crossing left a note, which is done with and brings nobody back.
        assert get_db().token_accounts.find_one({"_id": ann.id})["due"] == []
        assert User.objects.count() == 0


def test_a_new_user_whose_tokens_wait_for_the_address_is_out_until_it_is_confirmed(app, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_SERVER", "mail.example.com")
    monkeypatch.setitem(app.config, "DEFAULT_TIER", "prepaid")
    bob = users.register(
        "bob@example.com", password="correct ponies battery", name="", locale="en", address=None, request_id=None
    )
    assert bob.out_of_tokens
    user_changes.confirm_email(bob.id, by=OPERATOR)
    assert not is_out(bob)


FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
WITHOUT_INITIAL_TOKENS = {
    "there are none": ("INITIAL_TOKENS", 0),
    "they wait for the address": ("MAIL_SERVER", "mail.example.com"),
}
TIER_CHANGES = {
    "an admin": lambda user, tier: user_changes.set_tier(user.id, tier, by=OPERATOR),
    "the host product": lambda user, tier: host_users.put("u-17", {"tier": tier}, by=OPERATOR),
}


class TestBeforeTheAccount:
    """No operation has made the account yet: it is as it would open."""

    @pytest.fixture(params=WITHOUT_INITIAL_TOKENS.values(), ids=WITHOUT_INITIAL_TOKENS)
    def make(self, request, app, monkeypatch):
        """Makes a user on a tier, of whose address nobody knows."""
        monkeypatch.setitem(app.config, *request.param)

        def make(tier):
            user, _new = host_users.put("u-17", {"email": "bob@example.com", "tier": tier}, by=OPERATOR)
            assert is_out(user) == (tier == "prepaid")
            return user

        return make

    @pytest.mark.parametrize("change", TIER_CHANGES.values(), ids=TIER_CHANGES)
    def test_who_loses_the_allowance_is_out(self, make, change):
        bob = make("free")
        change(bob, "prepaid")
        assert token_accounts.view(bob.id).available == 0
        assert (is_out(bob), users.get(bob.id).out_until) == (True, FOREVER)
        change(bob, "pro")
        assert (is_out(bob), users.get(bob.id).out_until) == (False, None)

    @pytest.mark.parametrize("change", TIER_CHANGES.values(), ids=TIER_CHANGES)
    def test_who_gets_one_is_not(self, make, change):
        bob = make("prepaid")
        change(bob, "free")
        assert token_accounts.view(bob.id).available == 100_000
        assert (is_out(bob), users.get(bob.id).out_until) == (False, None)

    @pytest.mark.parametrize(("tier", "expected"), [("prepaid", (True, FOREVER)), ("free", (False, None))])
    def test_a_note_looks_at_how_the_account_would_open(self, make, tier, expected):
        bob = make(tier)
        User.objects(id=bob.id).update(out_of_tokens=tier == "free")
        out_of_tokens.note(bob.id)
        assert (is_out(bob), users.get(bob.id).out_until) == expected
        assert get_db().token_accounts.count_documents({}) == 0

    def test_a_note_of_an_account_that_has_opened_meanwhile_comes_too_late(self, make, statements):
        bob = make("free")
        with statements.meanwhile("update users", lambda: spend_to(bob, 0)) as fate:
            out_of_tokens.note(bob.id)
        assert fate.happened
        assert is_out(bob)

    def test_so_does_one_of_the_tier_before(self, make, statements):
        bob = make("free")
        now_prepaid = {"tier": "prepaid", "out_of_tokens": True}
        with statements.meanwhile("find token_accounts", lambda: User.objects(id=bob.id).update(**now_prepaid)) as fate:
            out_of_tokens.note(bob.id)
        assert fate.happened
        assert is_out(bob)


def test_an_address_that_is_nobodys_yet_takes_the_initial_tokens_with_it(app, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_SERVER", "mail.example.com")
    bob, _new = host_users.put("u-17", {"email": "bob@example.com", "tier": "prepaid"}, by=OPERATOR)
    user_changes.confirm_email(bob.id, by=OPERATOR)
    other, _new = host_users.put("u-18", {"email": "eve@example.com", "tier": "prepaid"}, by=OPERATOR)
    # One whose account has not opened although the address is confirmed.
    User.objects(id=other.id).update(email_confirmed=True, out_of_tokens=False)
    for external_id, user, expected in (("u-17", bob, False), ("u-18", other, True)):
        host_users.put(external_id, {"email": f"{external_id}@example.com"}, by=OPERATOR)
        assert is_out(user) == expected == (token_accounts.view(user.id).available < 200)
