"""Supporting somebody else's listing request, and hearing what became of it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine

from app import clock
from app.models.domain_error import AlreadyDecided, ChangedMeanwhile, Forbidden, NotFound, UserInactive
from app.models.notification import Notification
from app.models.support import Support
from app.models.token_request import TokenRequest
from app.services import due, listing_requests, request_deletion, review, supports, token_requests, user_changes
from tests.factories import OPERATOR, actor_of, make_admin, make_request, make_user
from tests.steps import make_beta, make_listing

SILVER = {
    "token_symbol": "SLVR",
    "token_name": "Silver",
    "blockchain": "ethereum",
    "contract_address": f"0x{'2' * 40}",
}


@pytest.fixture
def rita():
    return actor_of(make_admin("rita@example.com", name="Rita"))


def support(user, number):
    return supports.support(user, number, by=actor_of(user))


def told(user):
    return [(one.kind, one["values"].get("symbol")) for one in Notification.objects(user=user.id)]


def test_each_user_counts_once_also_from_many_tabs(app):
    listing, ada = make_listing(), make_user()

    def one(_):
        with app.app_context():
            return support(ada, listing.number)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(one, range(8))) == {1}
    assert support(make_user(), listing.number) == 2
    assert supports.does(ada.id, listing)


@pytest.mark.parametrize("make", [make_request, make_beta, lambda: make_listing(contract_address=None)])
def test_only_what_names_an_address_can_be_supported(make):
    with pytest.raises(NotFound):
        support(make_user(), make().number)
    with pytest.raises(NotFound):
        support(make_user(), 999)


def test_neither_the_owner_nor_a_deactivated_user_supports_it():
    owner = make_user()
    listing = make_listing(owner)
    with pytest.raises(Forbidden):
        support(owner, listing.number)
    with pytest.raises(UserInactive):
        support(user_changes.deactivate(make_user().id, by=OPERATOR), listing.number)
    assert Support.objects.count() == 0


def test_what_is_decided_cannot_be_supported_any_more(rita):
    listing = make_listing()
    review.reject(listing, by=rita)
    with pytest.raises(AlreadyDecided):
        support(make_user(), listing.number)


@pytest.mark.parametrize(
    ("decide", "kind"),
    [
        (review.approve, "supported_listed"),
        (review.reject, "supported_closed"),
        (review.mark_spam, "supported_closed"),
    ],
)
def test_supporters_hear_of_the_decision_once_and_not_the_words_to_the_owner(rita, decide, kind):
    listing, people = make_listing(), [make_user() for _ in range(3)]
    for one in people:
        support(one, listing.number)
    decided = decide(listing, by=rita)
    due.perform(TokenRequest, decided.id)
    again = supports.news(
        listing, key=f"request:{listing.id}:1", at=decided.decided_at, listed=kind == "supported_listed"
    )
    supports.tell(key=again["key"], at=again["at"], **again["arguments"])
    assert [told(one) for one in people] == [[(kind, "GOLD")]] * 3
    assert all("response" not in one["values"] for one in Notification.objects(kind=kind))


def test_supporters_hear_when_the_owner_takes_it_back(rita):
    owner, ada = make_user(), make_user()
    listing = make_listing(owner)
    support(ada, listing.number)
    review.withdraw(listing, by=actor_of(owner))
    assert told(ada) == [("supported_closed", "GOLD")]


def test_a_question_and_its_answer_are_nothing_that_supporters_hear(rita):
    owner, ada = make_user(), make_user()
    listing = make_listing(owner)
    support(ada, listing.number)
    review.answer(review.ask(listing, by=rita, question="Whose is it?"), by=actor_of(owner), answer="Mine.")
    assert told(ada) == []


def test_who_supported_an_address_hears_when_the_request_asks_for_another_one(rita):
    owner, ada, bob = make_user(), make_user(), make_user()
    listing = make_listing(owner)
    support(ada, listing.number)
    changed = listing_requests.edit(listing, version=1, **SILVER | {"contract_address": listing.contract_address})
    assert told(ada) == []
    changed = listing_requests.edit(changed, version=2, **SILVER)
    assert told(ada) == [("supported_closed", "SLVR")]
    support(bob, listing.number)
    review.approve(changed, by=rita)
    assert (told(ada), told(bob)) == ([("supported_closed", "SLVR")], [("supported_listed", "SLVR")])


def test_a_deleted_request_leaves_no_supporters_behind(rita):
    listing, other = make_listing(), make_listing()
    for one in (listing, other):
        support(make_user(), one.number)
    review.reject(listing, by=rita)
    with time_machine.travel(clock.now() + timedelta(days=31), tick=False):
        request_deletion.delete(token_requests.by_id(listing.id), by=rita)
    assert [one.request for one in Support.objects] == [other.id]


@pytest.mark.parametrize(
    ("meanwhile", "refusal"),
    [
        (lambda one, rita: review.reject(one, by=rita), AlreadyDecided),
        (lambda one, rita: listing_requests.edit(one, version=1, **SILVER), ChangedMeanwhile),
    ],
    ids=["decided", "edited"],
)
def test_who_comes_a_moment_too_late_hears_so(rita, statements, meanwhile, refusal):
    listing, ada = make_listing(), make_user()
    with statements.meanwhile("insert supports", lambda: meanwhile(listing, rita)) as fate, pytest.raises(refusal):
        support(ada, listing.number)
    assert (fate.happened, told(ada)) == (True, [])
