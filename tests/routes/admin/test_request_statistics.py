"""What all requests come to, as a reviewer sees it."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from app.services import beta_requests, request_statistics, review
from tests.factories import actor_of, make_admin, make_request, make_user, sign_in
from tests.page_client import text_of

PATH = "/admin/requests/statistics"


@pytest.fixture
def clock_hand():
    """A clock that stands at noon; a test may move it on."""
    with time_machine.travel(datetime(2026, 3, 10, 12, tzinfo=UTC), tick=False) as traveller:
        yield traveller


@pytest.fixture
def reviewer(clock_hand):
    return make_user(name="<b>Rita</b>", roles=["reviewer"])


@pytest.fixture
def some(clock_hand, reviewer):
    """Three quota requests and a beta request, of which two were decided after two hours."""
    by = actor_of(reviewer)
    first, _second, _third = make_request(), make_request(), make_request()
    user = make_user()
    beta = beta_requests.submit(user, by=actor_of(user))
    clock_hand.shift(timedelta(hours=2))
    review.reject(first, by=by, response="No.")
    review.approve(beta, by=by, granted=1_500)
    request_statistics.take()


def test_each_figure_stands_there_for_all_and_by_kind(client, reviewer, some):
    text = text_of(sign_in(client, reviewer).get(PATH))
    assert "In all All 4 More tokens 3 Beta program 1" in text
    assert "Pending All 2 More tokens 2 Beta program 0" in text
    assert "Approved All 1 More tokens 0 Beta program 1" in text
    assert "Approval rate All 50% More tokens 0% Beta program 100%" in text
    assert re.search(r"Median time to a decision All (1 hour 59 minutes|2 hours) ", text)
    assert "Tokens granted All 1.5K More tokens – Beta program 1.5K" in text


def test_it_says_when_the_figures_were_taken(client, reviewer, some, clock_hand):
    clock_hand.shift(timedelta(minutes=7))
    assert re.search(r"As of Mar 10, 2026, 2:00.PM", text_of(sign_in(client, reviewer).get(PATH)))


def test_every_day_has_a_bar_and_a_row_behind(client, reviewer, some):
    page = sign_in(client, reviewer).get(PATH).text
    quota, beta, listing = (
        re.findall(r"<title>(.+?)</title>", svg)
        for svg in re.findall(r"<svg viewBox=.0 0 30.+?</svg>", page, re.DOTALL)
    )
    assert (len(quota), len(beta), len(listing)) == (30, 30, 30)
    assert (quota[-1], beta[-1]) == ("Mar 10, 2026: 3 requests", "Mar 10, 2026: 1 request")
    assert "Mar 10, 2026 All 4 More tokens 3 Beta program 1" in text_of(sign_in(client, reviewer).get(PATH))


def test_reviewers_stand_there_by_name(client, reviewer, some):
    response = sign_in(client, reviewer).get(PATH)
    assert response.text.count("&lt;b&gt;Rita&lt;/b&gt;</th>") == 2
    assert "Decisions 2" in text_of(response)


def test_before_the_first_figures_it_says_when_they_come(client, reviewer):
    response = sign_in(client, reviewer).get(PATH)
    assert response.status_code == 200
    assert "The figures have not been taken yet." in text_of(response)


def test_a_new_installation_says_what_will_stand_here(client, reviewer):
    request_statistics.take()
    text = text_of(sign_in(client, reviewer).get(PATH))
    assert "No requests yet" in text
    assert "Approval rate" not in text


def test_where_only_old_requests_are_no_chart_is_drawn(client, reviewer, clock_hand):
    make_request()
    clock_hand.shift(timedelta(days=40))
    request_statistics.take()
    text = text_of(sign_in(client, reviewer).get(PATH))
    assert "No requests in these days" in text
    assert "Nobody has decided anything." in text


def test_it_reads_what_is_kept_and_counts_nothing(client, reviewer, some, statements):
    sign_in(client, reviewer).get(PATH)
    statements.said.clear()
    client.get(PATH)
    assert "find statistics" in statements.said
    assert not {"aggregate token_requests", "find token_requests"} & set(statements.said)


def test_it_is_in_the_readers_language(client, reviewer, some):
    reviewer.update(set__locale="ru")
    assert "10 мар. 2026" in sign_in(client, reviewer).get(PATH).text


@pytest.mark.parametrize("roles", [[], ["support"]])
def test_who_may_not_review_is_denied(client, roles):
    assert sign_in(client, make_user(roles=roles)).get(PATH).status_code == 403


def test_a_stranger_is_asked_to_sign_in(client):
    assert client.get(PATH).location == f"/sign-in?next={PATH}"


def test_it_takes_nothing(client):
    assert sign_in(client, make_admin()).post(PATH).status_code == 405
    assert sign_in(client, make_admin()).get(f"{PATH}/quota").status_code == 404
