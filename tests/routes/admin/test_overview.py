"""Where an admin begins."""

from app.services import review
from tests.factories import actor_of, make_admin, make_request, make_user, sign_in
from tests.page_client import text_of


def test_it_shows_what_waits_and_who_waits_longest(client):
    admin = make_admin()
    first = make_request(make_user(name="Ann"), reason="The first reason")
    make_request(reason="The second reason")
    review.approve(make_request(), by=actor_of(admin))
    text = text_of(sign_in(client, admin).get("/admin"))
    assert "Waiting for a decision 2 requests" in text
    assert "The first reason" in text
    assert f"Read request #{first.number}" in text


def test_it_says_when_nothing_waits(client):
    text = text_of(sign_in(client, make_admin()).get("/admin"))
    assert "0 requests" in text
    assert "All done" in text


def test_who_may_not_review_sees_no_figure_of_requests(client):
    make_request(reason="Private")
    page = sign_in(client, make_user(roles=["support"])).get("/admin")
    assert page.status_code == 200
    assert "Private" not in page.text
    assert "Waiting for a decision" not in page.text
    assert "/admin/requests" not in page.text


def test_a_user_is_denied_and_sees_no_way_there(client):
    sign_in(client, make_user())
    assert client.get("/admin").status_code == 403
    assert "/admin" not in client.get("/account").text


def test_a_stranger_is_asked_to_sign_in(client):
    assert client.get("/admin").location == "/sign-in?next=/admin"


def test_it_takes_nothing(client):
    assert sign_in(client, make_admin()).post("/admin").status_code == 405
