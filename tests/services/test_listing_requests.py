"""Listing requests: what may be asked for, one request for one address, and what approval and revocation do."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from pymongo.errors import AutoReconnect

from app import clock
from app.models.catalogue_token import CatalogueToken
from app.models.domain_error import (
    AlreadyDecided,
    AlreadyListed,
    ChangedMeanwhile,
    DailyLimit,
    Duplicate,
    InvalidInput,
    SlotTaken,
    UserInactive,
)
from app.models.token_request import ListingRequest
from app.services import (
    catalogue,
    catalogue_removal,
    due,
    listing_requests,
    review,
    supports,
    token_list,
    token_requests,
    user_changes,
)
from tests.effects import effects_of, outcome, stored
from tests.factories import OPERATOR, actor_of, make_admin, make_user
from tests.steps import make_listing

USDC = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
TETHER_ON_TRON = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
GOLD = {"token_symbol": "GOLD", "token_name": "Gold Coin", "blockchain": "ethereum"}


@pytest.fixture
def rita():
    return actor_of(make_admin("rita@example.com", name="Rita"))


def submit(user=None, **given):
    user = user or make_user()
    return listing_requests.submit(user, by=actor_of(user), **{**GOLD, **given})


def test_a_request_keeps_what_was_said_in_its_canonical_form():
    info = {"website": "https://example.com", "$where": "a.b"}
    made = submit(contract_address=USDC.lower(), decimals=6, reason=" Everybody uses it. ", additional_info=info)
    found = token_requests.by_id(made.id)
    assert (found.token_symbol, found.token_name, found.blockchain) == ("GOLD", "Gold Coin", "ethereum")
    assert (found.contract_address, found.decimals, found.reason) == (USDC, 6, "Everybody uses it.")
    assert (found.additional_info, found.kind, found.status) == (info, "listing", "pending")
    assert stored(made)["open_key"] == f"listing:ethereum:{USDC}"


def test_only_symbol_name_and_blockchain_are_needed():
    made = submit()
    assert (made.contract_address, made.decimals, made.reason, made.additional_info) == (None, None, None, {})
    assert "open_key" not in stored(made)


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({"token_symbol": ""}, ["token_symbol"]),
        ({"token_symbol": "x" * 21}, ["token_symbol"]),
        ({"token_symbol": "A\x00B"}, ["token_symbol"]),
        ({"token_symbol": ["A"]}, ["token_symbol"]),
        ({"token_symbol": "US\u200bDT"}, ["token_symbol"]),
        ({"token_symbol": "\u202eTDSU"}, ["token_symbol"]),
        ({"token_symbol": "\u2800"}, ["token_symbol"]),
        ({"token_name": "Gold \u202enioC"}, ["token_name"]),
        ({"token_name": "Gold\u2066"}, ["token_name"]),
        ({"token_name": "n" * 256}, ["token_name"]),
        ({"token_name": "two\nlines"}, ["token_name"]),
        ({"token_name": "\u3164"}, ["token_name"]),
        ({"blockchain": "dogechain"}, ["blockchain"]),
        ({"blockchain": {"$ne": ""}}, ["blockchain"]),
        ({"contract_address": "0x12"}, ["contract_address"]),
        ({"contract_address": USDC[:-1] + "9"}, ["contract_address"]),
        ({"contract_address": TETHER_ON_TRON}, ["contract_address"]),
        ({"contract_address": "1" * 200_000}, ["contract_address"]),
        ({"contract_address": 12}, ["contract_address"]),
        ({"decimals": -1}, ["decimals"]),
        ({"decimals": 256}, ["decimals"]),
        ({"decimals": True}, ["decimals"]),
        ({"decimals": 18.0}, ["decimals"]),
        ({"decimals": "18"}, ["decimals"]),
        ({"reason": "r" * 5_001}, ["reason"]),
        ({"additional_info": {str(n): "x" for n in range(21)}}, ["additional_info"]),
        ({"additional_info": {"n" * 51: "x"}}, ["additional_info"]),
        ({"additional_info": {"": "x"}}, ["additional_info"]),
        ({"additional_info": {"website": "x" * 501}}, ["additional_info"]),
        ({"additional_info": {"website": 5}}, ["additional_info"]),
        ({"additional_info": ["website"]}, ["additional_info"]),
        ({"additional_info": {"website": "x", " website": "y"}}, ["additional_info"]),
        ({"token_symbol": "", "blockchain": "", "decimals": -1}, ["token_symbol", "blockchain", "decimals"]),
    ],
)
def test_what_is_wrong_is_named_field_by_field_and_nothing_is_stored(given, fields):
    with pytest.raises(InvalidInput) as refusal:
        submit(**given)
    assert sorted(refusal.value.errors) == sorted(fields)
    assert ListingRequest.objects.count() == 0


def test_five_a_day_and_then_the_next_day():
    user = make_user()
    for _ in range(5):
        submit(user)
    with pytest.raises(DailyLimit):
        submit(user)
    eligibility = listing_requests.can_submit(user)
    assert (eligibility.can_request, eligibility.reason_code, eligibility.requests_today) == (False, "daily_limit", 5)
    assert eligibility.next_allowed_at > listing_requests.submit(make_user(), by=actor_of(user), **GOLD).submitted_at


def test_a_deactivated_user_asks_for_nothing():
    user = user_changes.deactivate(make_user().id, by=OPERATOR)
    with pytest.raises(UserInactive):
        submit(user)
    assert listing_requests.can_submit(user).reason_code == "inactive"


def test_an_address_that_somebody_asked_for_is_a_duplicate_however_it_is_written():
    first = submit(contract_address=USDC)
    with pytest.raises(Duplicate) as refusal:
        submit(contract_address=USDC.lower())
    assert refusal.value.beside == {"existing": {"number": first.number, "token_symbol": "GOLD", "supporters": 0}}
    assert refusal.value.values["own"] is False
    # The same address on another chain is another token.
    assert submit(contract_address=USDC, blockchain="base").number


def test_asking_for_ones_own_again_says_so():
    user = make_user()
    submit(user, contract_address=USDC)
    with pytest.raises(Duplicate) as refusal:
        submit(user, contract_address=USDC)
    assert refusal.value.values["own"] is True


def test_of_many_who_submit_one_address_at_once_one_does(app):
    users = [make_user() for _ in range(16)]

    def one(user):
        with app.app_context():
            return outcome(submit, user, contract_address=USDC)

    with ThreadPoolExecutor(16) as pool:
        met = sorted(pool.map(one, users))
    assert met == sorted(["done", *["Duplicate"] * 15])
    assert ListingRequest.objects.count() == 1


def test_approval_lists_the_token_and_keeps_its_address(rita):
    made = submit(contract_address=USDC, decimals=6)
    review.approve(made, by=rita)
    listed = catalogue.at_address("ethereum", USDC)
    assert (listed.symbol, listed.name, listed.decimals, listed.number) == ("GOLD", "Gold Coin", 6, made.number)
    assert effects_of(made)["request_approved"] == 1
    with pytest.raises(AlreadyListed) as refusal:
        submit(contract_address=USDC)
    assert refusal.value.beside == {"existing": {"number": made.number, "token_symbol": "GOLD"}}


def test_approving_ten_times_at_once_lists_once(app, rita):
    made = submit(contract_address=USDC)

    def one(_):
        with app.app_context():
            return outcome(review.approve, made, by=rita)

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(one, range(10)))
    assert CatalogueToken.objects.count() == 1


def test_revoking_takes_it_out_and_frees_the_address(rita):
    made = submit(contract_address=USDC)
    review.approve(made, by=rita)
    review.revoke(made, by=rita, reason="A scam.")
    assert catalogue.page() == []
    assert submit(contract_address=USDC).number > made.number


def test_an_address_freed_by_a_revocation_that_was_broken_off_is_listed_again_once_that_is_finished(rita, monkeypatch):
    def die(**_arguments):
        raise AutoReconnect("the process dies here")

    first = review.approve(submit(contract_address=USDC), by=rita)
    with monkeypatch.context() as patch:
        patch.setitem(due.VERBS, "catalogue.take_out", die)
        review.revoke(first, by=rita, reason="A scam.")
    second = review.approve(submit(contract_address=USDC, decimals=6), by=rita)
    assert [one.number for one in catalogue.page()] == [first.number]
    with time_machine.travel(clock.now() + timedelta(minutes=1), tick=False):
        while due.perform_waiting():
            pass
    assert ([one.number for one in catalogue.page()], stored(second)["due"]) == ([second.number], [])
    assert token_list.published().count == 1


def test_removing_takes_it_out_frees_the_address_and_leaves_a_trail(rita):
    made = review.approve(submit(contract_address=USDC), by=rita)
    catalogue_removal.remove(catalogue.find(made.number), by=rita, reason="The project is gone.")
    assert catalogue.page() == []
    again = submit(contract_address=USDC)
    review.approve(again, by=rita)
    assert [one.number for one in catalogue.page()] == [again.number]
    # The first approval can still be taken back, which concerns the second one's listing in no way.
    review.revoke(made, by=rita, reason="For order's sake.")
    assert [one.number for one in catalogue.page()] == [again.number]


def test_a_refused_one_frees_its_address_and_reopens_only_while_that_is_free(rita):
    first = submit(contract_address=USDC)
    review.reject(first, by=rita)
    second = submit(contract_address=USDC)
    with pytest.raises(SlotTaken):
        review.reopen(first, by=rita, note="After all.")
    review.reject(second, by=rita)
    assert review.reopen(first, by=rita, note="After all.").status == "pending"


def test_one_without_an_address_can_be_reopened_too(rita):
    made, other = submit(), submit()
    for one in (made, other):
        review.reject(one, by=rita)
        review.reopen(one, by=rita, note="After all.")
    assert "open_key" not in stored(made)


def test_an_edit_takes_the_new_address_and_leaves_the_old_one():
    made = submit(contract_address=USDC)
    changed = listing_requests.edit(
        made, version=1, token_symbol="SLVR", token_name="Silver", blockchain="tron", contract_address=TETHER_ON_TRON
    )
    assert (changed.token_symbol, changed.slot, changed.version) == ("SLVR", f"listing:tron:{TETHER_ON_TRON}", 2)
    assert submit(contract_address=USDC).number
    without = listing_requests.edit(made, version=2, **GOLD)
    assert (without.contract_address, stored(made).get("open_key")) == (None, None)


def test_an_edit_to_an_address_that_somebody_has_changes_nothing():
    other, made = submit(contract_address=USDC), submit()
    before = stored(made)
    with pytest.raises(Duplicate) as refusal:
        listing_requests.edit(made, version=1, **GOLD, contract_address=USDC)
    assert refusal.value.values["number"] == other.number
    assert stored(made) == before


def test_an_edit_of_an_older_version_or_of_a_decided_one_changes_nothing(rita):
    made = make_listing()
    listing_requests.edit(made, version=1, **GOLD)
    with pytest.raises(ChangedMeanwhile):
        listing_requests.edit(made, version=1, **GOLD)
    review.reject(made, by=rita)
    with pytest.raises(AlreadyDecided):
        listing_requests.edit(made, version=2, **GOLD)


def test_support_is_of_the_address_that_was_supported():
    made = submit(contract_address=USDC)
    ada = make_user()
    assert supports.support(ada, made.number, by=actor_of(ada)) == 1
    changed = listing_requests.edit(made, version=1, **{**GOLD, "blockchain": "base"}, contract_address=USDC)
    assert supports.count(changed) == 0
