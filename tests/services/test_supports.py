"""Supporting somebody else's listing request, and hearing what became of it."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from app.models.domain_error import AlreadyDecided, Forbidden, NotFound, UserInactive
from app.models.notification import Notification
from app.models.support import Support
from app.models.token_request import TokenRequest
from app.services import due, review, supports, user_changes
from tests.factories import OPERATOR, actor_of, make_admin, make_request, make_user
from tests.steps import make_beta, make_listing


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
    supports.tell(key=f"request:{listing.id}:1", at=decided.decided_at, request=listing.id, status=decided.status)
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
