"""Who has which request in hand: never two the same one, never their own, and not for ever."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from app.models.token_request import TokenRequest
from app.services import reservations, review
from tests.factories import OPERATOR, actor_of, make_admin, make_request, make_user
from tests.statements import Statements


@pytest.fixture
def rita():
    return actor_of(make_admin(name="Rita"))


@pytest.fixture
def eve():
    return actor_of(make_admin(name="Eve"))


@pytest.fixture
def clock_hand():
    with time_machine.travel(datetime.now(UTC), tick=False) as hand:
        yield hand


def number(token_request):
    return token_request and token_request.number


def test_the_oldest_pending_request_comes_first(rita):
    made = [make_request() for _ in range(3)]
    review.ask(made[0], by=rita, question="Why?")
    found = reservations.next_for(rita)
    assert (found.number, found.reservation["by"]) == (2, rita.stamp())
    assert found.reserved_by(datetime.now(UTC)) == "Rita"


def test_nothing_is_left_where_all_is_decided_or_in_hand(rita, eve):
    assert reservations.next_for(rita) is None
    make_request()
    assert number(reservations.next_for(rita)) == 1
    assert reservations.next_for(eve) is None
    # What the reviewer has seen and not decided is not the next one either.
    assert reservations.next_for(rita) is None


def test_ones_own_requests_are_left_out(eve):
    reviewer = make_user(roles=["reviewer"])
    make_request(reviewer)
    assert reservations.next_for(actor_of(reviewer)) is None
    make_request()
    assert number(reservations.next_for(actor_of(reviewer))) == 2
    assert number(reservations.next_for(eve)) == 1


def test_an_operator_has_no_own_requests():
    make_request()
    assert number(reservations.next_for(OPERATOR)) == 1


@pytest.mark.parametrize(("minutes", "is_free"), [(0, False), (9, False), (10, True), (11, True)])
def test_a_reservation_ends_after_ten_minutes(rita, eve, clock_hand, minutes, is_free):
    make_request()
    reservations.next_for(rita)
    clock_hand.shift(timedelta(minutes=minutes))
    assert (TokenRequest.objects.get(number=1).reserved_by(datetime.now(UTC)) is None) == is_free
    assert (reservations.next_for(eve) is not None) == is_free


def test_what_is_given_back_is_the_next_one_again(rita, eve):
    token_request = make_request()
    reservations.next_for(rita)
    reservations.release(token_request, by=eve)
    assert reservations.next_for(eve) is None
    reservations.release(token_request, by=rita)
    assert number(reservations.next_for(eve)) == 1


def test_a_step_ends_the_reservation(rita, eve):
    token_request = make_request()
    reservations.next_for(rita)
    asked = review.ask(token_request, by=eve, question="Why?")
    assert asked.reservation is None


def test_somebody_elses_reservation_forbids_nothing(rita, eve):
    token_request = make_request()
    reservations.next_for(rita)
    assert review.approve(token_request, by=eve).decision["by"]["name"] == "Eve"


def test_many_reviewers_at_once_never_get_the_same_one(threads):
    for _ in range(30):
        make_request()
    reviewers = [actor_of(make_user(roles=["reviewer"])) for _ in range(10)]
    got = threads(lambda i: [number(reservations.next_for(reviewers[i])) for _ in range(3)], 10)
    assert sorted(one for each in got for one in each) == list(range(1, 31))


def test_who_is_overtaken_gets_the_one_after(statements: Statements, rita, eve):
    make_request()
    make_request()
    with statements.meanwhile("findAndModify token_requests", lambda: reservations.next_for(eve)) as fate:
        found = reservations.next_for(rita)
    assert fate.happened
    assert number(found) == 2
