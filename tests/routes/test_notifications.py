"""What a user was told, and marking it read."""

import re

import pytest
from bson import ObjectId

from app.models.notification import KINDS
from app.services import notifications
from tests.factories import make_user, sign_in
from tests.page_client import text_of

# The values that come with each kind; those that are a reviewer's own words stand beside the sentence, not in it.
VALUES = {
    "request_received": {"number": 7},
    "request_waiting": {"number": 7, "name": "Bob"},
    "request_approved": {"number": 7, "response": "Good luck!"},
    "request_rejected": {"number": 7, "response": "Please wait."},
    "request_spam": {"number": 7, "response": ""},
    "question_asked": {"number": 7, "question": "What for?"},
    "question_answered": {"number": 7},
    "request_reminder": {"number": 7},
    "request_expiring": {"number": 7, "question": "What for?"},
    "request_expired": {"number": 7, "response": ""},
    "request_revoked": {"number": 7, "response": "A mistake."},
    "request_reopened": {"number": 7, "response": ""},
    "order_waiting": {"number": 7, "name": "Bob"},
    "order_discrepancy": {"number": 7},
    "order_paid": {"number": 7, "tokens": 500},
    "order_cancelled": {"number": 7},
    "order_refunded": {"number": 7},
    "supported_listed": {"symbol": "GOLD"},
    "supported_closed": {"symbol": "GOLD"},
    "tokens_low": {"available": 999},
    "allowance_80": {},
    "allowance_95": {},
    "allowance_100": {},
}


@pytest.fixture
def user():
    return make_user()


@pytest.fixture
def client(client, user):
    return sign_in(client, user)


def tell(user, kind="request_approved", key="a", url="/requests/7"):
    notifications.notify(key=key, user=user.id, kind=kind, values=VALUES[kind], url=url)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_words(client, user, kind):
    tell(user, kind)
    page = client.get("/notifications")
    sentence = re.search(r'<button class="news-open" type="submit">(.*?)</button>', page.text, re.DOTALL)[1]
    assert len(sentence.split()) > 3
    for name, value in VALUES[kind].items():
        assert str(value) in (page.text if name in ("response", "question") else sentence)


def test_a_decision_is_told_with_its_response_and_its_place(client, user):
    tell(user)
    page = client.get("/notifications")
    assert "Good luck!" in page.text
    assert "Notifications: 1 unread" in text_of(page)


@pytest.mark.parametrize(("url", "leads_to"), [("/requests/7", "/requests/7"), ("", "/notifications")])
def test_opening_one_marks_it_read_and_leads_to_its_place(client, user, url, leads_to):
    tell(user, url=url)
    tell(user, key="another", url="/requests/7")
    told = next(one for one in notifications.page(user.id) if one.key == "a")
    for _again in range(2):
        response = client.post(f"/notifications/{told.id}/open")
        assert (response.status_code, response.location) == (303, leads_to)
        assert notifications.unread_count(user.id) == 1
    page = client.get("/notifications")
    assert f"/notifications/{told.id}/open" not in page.text
    assert ('<a href="/requests/7">' in page.text) is bool(url)


@pytest.mark.parametrize("wrong", ["somebody else's", "none", "x", "$ne"])
def test_only_ones_own_can_be_opened(client, wrong):
    other = make_user()
    tell(other)
    [told] = notifications.page(other.id)
    named = {"somebody else's": told.id, "none": ObjectId()}.get(wrong, wrong)
    assert client.post(f"/notifications/{named}/open").status_code == 404
    assert notifications.unread_count(other.id) == 1


def test_all_can_be_marked_read(client, user):
    other = make_user()
    tell(user)
    tell(other)
    response = client.post("/notifications/read")
    assert (response.status_code, response.location) == (303, "/notifications")
    page = client.get("/notifications")
    assert "news-unread" not in page.text
    assert "Mark all as read" not in page.text
    assert notifications.unread_count(other.id) == 1


def test_nothing_yet_is_said(client):
    tell(make_user())
    assert "Nothing new" in client.get("/notifications").text


def test_older_ones_stand_on_a_page_of_their_own(client, user):
    for n in range(55):
        tell(user, key=str(n))
    first = client.get("/notifications")
    second = client.get(re.search(r'rel="next" href="([^"]+)"', first.text)[1])
    assert [page.text.count('class="news-text"') for page in (first, second)] == [50, 5]


@pytest.mark.parametrize("before", ["x", "1", "$ne", "6b00db0dd0c5e187ff3a69b"])
def test_a_malformed_address_is_refused(client, before):
    assert client.get(f"/notifications?before={before}").status_code == 400


def test_marking_needs_the_forms_token_and_a_post(client, user):
    tell(user)
    [told] = notifications.page(user.id)
    for address in ("/notifications/read", f"/notifications/{told.id}/open"):
        assert client.post(address, csrf=False).status_code == 400
        assert client.get(address).status_code == 405
    assert notifications.unread_count(user.id) == 1


def test_a_stranger_is_asked_to_sign_in(app):
    assert app.test_client().get("/notifications").location == "/sign-in?next=/notifications"
