"""The demo crowd: true by all the rules, the same from the same seed, and finished where it was broken off."""

from collections import Counter
from itertools import islice

import pytest
from mongoengine.connection import get_db

from app import clock
from app.models.audit_event import AuditEvent
from app.models.blockchain import canonical_address
from app.models.catalogue_token import CatalogueToken
from app.models.demo_crowd import DemoCrowd
from app.models.domain_error import InvalidInput
from app.models.token_account import TokenAccount
from app.models.token_request import OPEN, TokenRequest
from app.models.user import User, search_terms
from app.services import (
    account_commit,
    daily_figures,
    demo_crowd,
    desk,
    ledger_verify,
    out_of_tokens,
    review,
    statistics,
    token_accounts,
    token_list,
    token_requests,
    users,
)
from app.services.demo_crowd_plan import SPAN
from tests.factories import OPERATOR, actor_of, make_request, make_user
from tests.steps import make_beta, make_listing

COLLECTIONS = (
    "users",
    "token_accounts",
    "ledger_entries",
    "token_requests",
    "catalogue_tokens",
    "counters",
    "audit_events",
)


def make(people: int = 150, asked: int = 150, *, seed: int | None = 7) -> None:
    crowd = demo_crowd.begin(seed=seed, users=people, requests=asked, by=OPERATOR)
    assert sum(demo_crowd.make(crowd, processes=1)) == people


def stored():
    return {name: list(get_db()[name].find().sort("_id")) for name in COLLECTIONS}


def wrong_ledgers():
    return [(account, problem) for account, problem in ledger_verify.verify() if problem]


def fields_of(collection, document_id) -> set[str]:
    return set(get_db()[collection].find_one({"_id": document_id}))


def test_every_ledger_adds_up_and_every_user_has_one():
    make()
    assert User.objects.count() == TokenAccount.objects.count() == TokenRequest.objects.count() == 150
    assert wrong_ledgers() == []


def test_a_crowd_of_many_shares_is_as_true_as_a_small_one():
    make(demo_crowd.SHARE + 100, 50)
    assert User.objects.count() == demo_crowd.SHARE + 100
    assert wrong_ledgers() == []


@pytest.mark.parametrize(("people", "asked"), [(1, 0), (1, 5), (2, 1), (20, 600), (30, 0)])
def test_a_crowd_of_any_size_is_true(people, asked):
    make(people, asked)
    assert (User.objects.count(), TokenRequest.objects.count()) == (people, asked)
    assert wrong_ledgers() == []


@pytest.mark.parametrize(
    "tiers",
    [
        {"free": {"limit": 1, "period_days": 1}},
        {"free": {"limit": 0, "period_days": 0}},
        {"free": {"limit": 1_000_000_000, "period_days": 366}, "a": {"limit": 10, "period_days": 3}, "b": {}, "c": {}},
    ],
    ids=["tiny", "no allowance", "many"],
)
def test_other_settings_are_no_obstacle(app, monkeypatch, tiers):
    nothing = {"limit": 0, "period_days": 0}
    monkeypatch.setitem(app.config, "TIERS", {name: nothing | tier for name, tier in tiers.items()})
    monkeypatch.setitem(app.config, "INITIAL_TOKENS", 0)
    make(100, 100)
    assert wrong_ledgers() == []
    assert set(User.objects.distinct("tier")) <= set(tiers)


def test_documents_are_such_as_the_models_take_and_the_services_make():
    make(300, 300)
    for kind in (User, TokenAccount, TokenRequest, CatalogueToken):
        for document in kind.objects:
            document.validate()
    made_by_hand = make_request(used=5)
    token_accounts.reset(made_by_hand.user, by=OPERATOR, reason="Why not")
    account_commit.drain(made_by_hand.user)
    out_of_tokens.note(made_by_hand.user)
    alike = {"quota": made_by_hand, "listing": make_listing(), "beta": make_beta()}
    for kind, one in alike.items():
        of_crowd = TokenRequest.objects(number__lte=300, kind=kind, open_key__ne=None).first()
        differ = fields_of("token_requests", of_crowd.id) ^ fields_of("token_requests", one.id)
        assert differ <= {"reason", "wakes_at"}, kind
    pending = TokenRequest.objects(kind="quota", number__lte=300, status="pending").first()
    assert fields_of("token_accounts", pending.user) == fields_of("token_accounts", made_by_hand.user)
    optional = {"last_seen_at", "phone", "external_id", "out_until"}
    assert fields_of("users", pending.user) - optional == fields_of("users", made_by_hand.user) - optional


def test_people_can_be_found_and_told_apart():
    make()
    crowd = list(User.objects)
    assert len({user.email for user in crowd}) == 150
    assert all(user.email == users.normalised_email(user.email) for user in crowd)
    for user in crowd:
        known = {"email": user.email, "name": user.name, "phone": user.phone, "external_id": user.external_id}
        assert user.search == search_terms(**known)
    with_phone = next(user for user in crowd if user.phone_confirmed)
    assert users.resolve(with_phone.phone).id == with_phone.id
    with_external_id = next(user for user in crowd if user.external_id)
    assert users.resolve(f"external:{with_external_id.external_id}").id == with_external_id.id


def test_it_looks_real():
    make(1_000, 1_000)
    tiers = Counter(user.tier for user in User.objects)
    assert tiers["free"] > tiers["pro"] > tiers["prepaid"] > 0
    assert 0 < User.objects(active=False).count() < 100
    assert {"en", "ru"} == set(User.objects.distinct("locale"))
    assert any(not user.name.isascii() for user in User.objects)
    statuses = Counter(one.status for one in TokenRequest.objects)
    assert {"approved", "rejected", "withdrawn", "spam", "expired", "pending", "revoked"} <= set(statuses)
    kinds = Counter(one.kind for one in TokenRequest.objects)
    assert kinds["quota"] > kinds["listing"] > kinds["beta"] > 0
    assert len(TokenRequest.objects(kind="listing").distinct("token_symbol")) > 60
    assert len(TokenRequest.objects.distinct("reason")) > 200
    types = set(get_db().ledger_entries.distinct("type"))
    assert types == {"usage", "renewal", "reset", "grant", "bonus", "expiry", "revocation"}
    half = sorted(user.created_at for user in User.objects)[500]
    assert half > clock.now() - SPAN / 2


def test_users_know_whether_they_are_out_of_tokens():
    make()
    said = {user.id: user.out_of_tokens for user in User.objects}
    assert 0 < sum(said.values()) < 75
    for user_id, out in said.items():
        assert out == (token_accounts.view(user_id).available < 200)


def test_nobody_has_two_open_requests_and_nothing_happens_in_the_future():
    make(50, 1_500)
    now = clock.now()
    open_ = Counter(one.user for one in TokenRequest.objects(status__in=list(OPEN)))
    assert set(open_.values()) == {1}
    for user in User.objects:
        way = [step["at"] for one in TokenRequest.objects(user=user.id).order_by("number") for step in one.history]
        assert way == sorted(way)
        assert way == [] or (way[0] >= user.created_at and way[-1] <= now)
    assert get_db().ledger_entries.count_documents({"at": {"$gt": now}}) == 0


def test_requests_are_numbered_on_in_the_order_of_time():
    before = make_request()
    make()
    assert make_request().number == before.number + 151
    mine = list(TokenRequest.objects(number__gt=before.number, number__lte=before.number + 150).order_by("number"))
    assert [one.submitted_at for one in mine] == sorted(one.submitted_at for one in mine)


def test_an_approved_request_is_in_its_owners_ledger():
    make()
    for one in TokenRequest.objects(status="approved", kind__in=["quota", "beta"]):
        entry = get_db().ledger_entries.find_one({"account": one.user, "key": one.approval_key})
        type_ = "reset" if one.kind == "quota" else "grant"
        assert (entry["type"], entry["at"], entry["by"]) == (type_, one.decision["at"], one.decision["by"])
        assert entry["reference"] == {"request": one.number}


def test_an_approved_token_is_in_the_catalogue_and_in_its_published_list():
    make()
    approved = list(TokenRequest.objects(status="approved", kind="listing"))
    assert len(approved) > 5
    assert {token.key for token in CatalogueToken.objects.listed()} == {one.approval_key for one in approved}
    for one in TokenRequest.objects(kind="listing", contract_address__ne=None):
        assert canonical_address(one.blockchain, one.contract_address) == one.contract_address
    addresses = {one.contract_address for one in approved if one.contract_address and one.blockchain != "solana"}
    assert {token["address"] for token in token_list.stored()["tokens"]} == addresses


def test_life_goes_on_by_the_services():
    make(300, 300)
    reviewer = make_user(roles=["admin"])
    for pending in desk.page(desk.Filters(statuses=["pending"])):
        review.approve(pending, by=actor_of(reviewer))
        decided = token_requests.by_id(pending.id)
        assert (decided.status, decided.due) == ("approved", [])
    for kind in ("quota", "listing", "beta"):
        done = TokenRequest.objects(status="approved", kind=kind, number__lt=200).first()
        review.revoke(done, by=actor_of(reviewer), reason="A mistake")
        assert token_requests.by_id(done.id).due == []
    token_accounts.spend(done.user, 1, by=OPERATOR)
    assert wrong_ledgers() == []


def test_the_statistics_count_a_crowd():
    make()
    statistics.rebuild()
    spent = -sum(entry["amount"] for entry in get_db().ledger_entries.find({"type": "usage"}))
    assert statistics.overview().tokens == spent > 0
    assert sum(day.tokens for day in daily_figures.days(800)) == spent
    assert sum(tier.users for tier in statistics.overview().tiers) == 150


def test_a_crowd_that_nobody_counted_is_counted_by_the_worker():
    statistics.rebuild()
    make()
    daily_figures.fold()
    spent = -sum(entry["amount"] for entry in get_db().ledger_entries.find({"type": "usage"}))
    assert sum(day.tokens for day in daily_figures.days(800)) == spent


def test_the_same_seed_makes_the_same_crowd(monkeypatch):
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)
    make(100, 100)
    first = stored()
    for name in (*COLLECTIONS, "demo_crowds"):
        get_db()[name].delete_many({})
    make(100, 100)
    second = stored()
    events = (first.pop("audit_events"), second.pop("audit_events"))
    assert [len(found) for found in events] == [1, 1]
    assert first == second


def test_another_seed_makes_another_crowd_beside_it():
    make(100, 100, seed=1)
    make(100, 100, seed=2)
    assert (User.objects.count(), TokenRequest.objects.count()) == (200, 200)
    assert len({user.name for user in User.objects}) > 100
    assert wrong_ledgers() == []


def test_a_second_time_changes_nothing():
    make()
    before = stored()
    make()
    assert stored() == before


@pytest.mark.parametrize(
    "lost", [("users",), ("users", "token_requests"), ("users", "token_accounts"), COLLECTIONS[:4]]
)
def test_broken_off_in_the_middle_of_a_share_it_is_finished(lost):
    make()
    whole = stored()
    for name in lost:
        half = [one["_id"] for one in islice(get_db()[name].find().sort("_id"), 0, None, 2)]
        get_db()[name].delete_many({"_id": {"$in": half}})
    make()
    assert stored() == whole


def test_broken_off_after_some_shares_it_is_finished_under_the_settings_that_it_began_under(app, monkeypatch):
    crowd = demo_crowd.begin(seed=7, users=600, requests=100, by=OPERATOR)
    making = demo_crowd.make(crowd, processes=1)
    assert next(making) == demo_crowd.SHARE
    making.close()
    assert User.objects.count() == demo_crowd.SHARE
    monkeypatch.setitem(app.config, "INITIAL_TOKENS", 1)
    make(600, 100, seed=None)
    assert User.objects.count() == 600
    assert wrong_ledgers() == []


def test_what_people_did_meanwhile_stays():
    make()
    somebody = User.objects(out_of_tokens=False).first()
    token_accounts.spend(somebody.id, 1, by=OPERATOR, key="mine")
    make()
    assert token_accounts.view(somebody.id).last_spend_at >= somebody.created_at
    assert wrong_ledgers() == []


def test_several_processes_make_the_same_as_one():
    crowd = demo_crowd.begin(seed=7, users=600, requests=150, by=OPERATOR)
    assert sorted(demo_crowd.make(crowd, processes=2)) == [100, 500]
    whole = stored()
    for name in COLLECTIONS[:4]:
        get_db()[name].delete_many({})
    make(600, 150)
    assert stored() == whole
    assert wrong_ledgers() == []


def test_without_a_seed_each_crowd_is_a_new_one():
    make(10, 10, seed=None)
    make(10, 10, seed=None)
    assert (User.objects.count(), DemoCrowd.objects.distinct("seed")) == (20, [1, 2])


def test_a_seed_stands_for_one_crowd():
    make(10, 10)
    with pytest.raises(InvalidInput, match="use another seed"):
        demo_crowd.begin(seed=7, users=11, requests=10, by=OPERATOR)
    with pytest.raises(InvalidInput, match="At most 100"):
        demo_crowd.begin(seed=8, users=1, requests=101, by=OPERATOR)


def test_somebody_elses_address_is_not_taken():
    make(10, 0)
    taken = User.objects.first()
    get_db().users.delete_many({})
    make_user(taken.email)
    with pytest.raises(Exception, match="E11000"):
        make(10, 0)


def test_who_made_a_crowd_stands_in_the_trail_once():
    make(10, 10)
    make(10, 10)
    (event,) = AuditEvent.objects(action="demo.crowd")
    assert (event.actor["name"], event.after) == (OPERATOR.name, {"users": 10, "requests": 10})
