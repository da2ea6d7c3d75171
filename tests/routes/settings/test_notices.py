"""The page of which notices come by mail, and the one behind the link under a mail."""

import pytest

from app.models.notice_mail import Topic, wants
from app.models.user import User
from app.services import notice_mail
from tests.factories import make_user, sign_in
from tests.page_client import text_of

URL = "/settings/notices"


@pytest.fixture
def ann():
    return make_user("ann@example.com")


def chosen(user):
    user = User.objects.get(id=user.id)
    return {topic.value for topic in Topic if wants(user, topic)}, user.review_mail


def test_the_page_shows_what_holds_and_saves_what_is_chosen(client, ann):
    sign_in(client, ann)
    page = client.get(URL)
    assert page.text.count(" checked") == 6
    assert 'name="review"' not in page.text
    assert "This site sends no mail." in text_of(page)
    response = client.post(URL, data={"topics": ["received", "allowance"]})
    assert (response.status_code, response.location) == (303, URL)
    assert chosen(ann) == ({"received", "allowance"}, "daily")
    assert client.get(URL).text.count(" checked") == 2
    client.post(URL, data={})
    assert chosen(ann) == (set(), "daily")


def test_reviewers_choose_how_they_hear_of_requests(client):
    rita = make_user(roles=["reviewer"])
    sign_in(client, rita)
    assert '<option selected value="daily">' in client.get(URL).text
    client.post(URL, data={"review": "at_once"})
    assert chosen(rita) == ({"review"}, "at_once")


def test_who_manages_billing_chooses_about_orders_that_wait_and_keeps_what_was_chosen_before(client):
    bill = make_user(roles=["admin"])
    assert "billing" in chosen(bill)[0]
    sign_in(client, bill)
    assert "An order waits for you" in text_of(client.get(URL))
    client.post(URL, data={"topics": ["order"], "review": "daily"})
    assert chosen(bill) == ({"order"}, "daily")
    bill.modify(permissions=[])
    client.post(URL, data={"topics": ["order"]})
    bill.modify(permissions=["billing.manage"])
    assert chosen(bill) == ({"order"}, "daily")


def test_others_do_not(client, ann):
    sign_in(client, ann)
    client.post(URL, data={"review": "at_once"})
    assert chosen(ann)[1] == "daily"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"topics": ["spam"]}, "There is no such kind of notice."),
        ({"review": "hourly"}, "Not a valid choice"),
    ],
)
def test_what_nobody_can_choose_is_refused(client, data, said):
    rita = make_user(roles=["reviewer"])
    sign_in(client, rita)
    response = client.post(URL, data={"review": "daily", **data})
    assert response.status_code == 400
    assert said in text_of(response)
    assert chosen(rita)[1] == "daily"


def test_whose_address_is_not_confirmed_is_told_so(app, client, ann, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_SERVER", "mail.example.com")
    ann.modify(email_confirmed=False)
    assert "ann@example.com is not confirmed yet" in text_of(sign_in(client, ann).get(URL))


def test_it_is_for_those_who_are_signed_in(client):
    assert client.get(URL).location.startswith("/sign-in")
    assert client.post(URL, data={}).status_code == 303


class TestLink:
    @pytest.fixture
    def link(self, ann):
        return notice_mail.unsubscribe_path(ann.id, Topic.DECIDED)

    def test_it_asks_first_and_ends_one_kind_for_whoever_has_the_mail(self, client, ann, link):
        page = client.get(link)
        assert "You would get no more mails of this kind: A request of yours is decided" in text_of(page)
        assert "ann@" not in page.text
        assert "decided" in chosen(ann)[0]
        assert "You get no more mails" in text_of(client.post(link))
        assert "decided" not in chosen(ann)[0]

    def test_a_mailbox_ends_it_by_its_own_button_and_nobody_else_without_our_form(self, app, client, ann, link):
        stranger = app.test_client()
        assert stranger.post(link, data={"List-Unsubscribe": "Two"}, csrf=False).status_code == 400
        assert "decided" in chosen(ann)[0]
        said = {"List-Unsubscribe": "One-Click"}
        assert stranger.post(link, data=said, csrf=False, headers={"Origin": "https://mail.example"}).status_code == 200
        assert "decided" not in chosen(ann)[0]

    def test_twice_is_once(self, client, ann, link):
        client.post(link)
        assert client.post(link).status_code == 200
        assert "decided" not in chosen(ann)[0]

    @pytest.mark.parametrize("change", [lambda link: link[:-1], lambda link: "/unsubscribe/x", str.swapcase])
    def test_one_that_we_did_not_write_is_not_found(self, client, ann, link, change):
        for response in (client.get(change(link)), client.post(change(link))):
            assert response.status_code == 404
        assert "decided" in chosen(ann)[0]
