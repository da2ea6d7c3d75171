"""The page of a user's e-mail address and the one that the link opens, as a browser uses them."""

import pytest

from app.models.delivery import Delivery
from tests.factories import PASSWORD, make_user, sign_in
from tests.page_client import text_of

URL = "/settings/email"
FORM = {"email": "bell@example.com", "password": PASSWORD}


@pytest.fixture(autouse=True)
def mail(app, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_SERVER", "192.0.2.1")


@pytest.fixture
def ann():
    return make_user("ann@example.com", password=PASSWORD)


@pytest.fixture
def client(client, ann):
    return sign_in(client, ann)


def test_the_page_leads_from_one_address_to_the_next(app, client, ann):
    assert "ann@example.com" in text_of(client.get(URL))
    response = client.post(URL, data=FORM)
    assert (response.status_code, response.location) == (303, URL)
    assert "We have sent a link to bell@example.com." in text_of(client.get(URL))
    address = f"{URL}/{Delivery.objects.get(what='email_change').values['token']}"
    # The link may be opened by a browser that is not signed in.
    phone = app.test_client()
    page = text_of(phone.get(address))
    assert "the address bell@example.com instead of ann@example.com" in page
    assert ann.reload().email == "ann@example.com"
    assert phone.post(address).location == URL
    page = text_of(client.get(URL))
    assert "bell@example.com" in page
    assert "Keep the old address" not in page
    for page in (phone.get(address), phone.post(address, follow_redirects=True)):
        assert page.status_code == 200
    assert "Your e-mail address is now bell@example.com." in text_of(phone.get(address))
    assert phone.get(f"{address}x").status_code == 404
    assert "This link does not work any more." in text_of(phone.post(f"{address}x"))


def test_an_address_that_is_taken_is_said_on_the_page_of_the_link(client, ann):
    make_user("bell@example.com")
    client.post(URL, data=FORM)
    page = client.post(f"{URL}/{Delivery.objects.get().values['token']}")
    assert page.status_code == 409
    assert "A user with this e-mail address exists already." in text_of(page)


def test_the_wish_is_taken_back(client, ann):
    client.post(URL, data=FORM)
    assert client.post(f"{URL}/cancel").status_code == 303
    assert "We have sent" not in text_of(client.get(URL))


@pytest.mark.parametrize(
    ("form", "status", "said"),
    [
        ({"email": ""}, 400, "Enter an e-mail address."),
        ({"email": "nothing"}, 400, "Enter an e-mail address, such as name@example.com."),
        ({"email": "ann@example.com"}, 400, "This is your address already."),
        ({"password": ""}, 400, "Enter your password."),
        ({"password": "a guess"}, 400, "This is not your password."),
    ],
)
def test_what_is_wrong_is_said_and_what_was_written_stays(client, ann, form, status, said):
    page = client.post(URL, data=FORM | form)
    assert page.status_code == status
    assert said in text_of(page)
    assert PASSWORD not in page.text
    assert Delivery.objects.count() == 0


def test_where_it_cannot_be_changed_the_page_says_why(app, client, monkeypatch):
    sign_in(client, make_user())
    assert "You sign in without a password" in text_of(client.get(URL))
    assert client.post(URL, data=FORM).status_code == 403
    monkeypatch.setitem(app.config, "MAIL_SERVER", "")
    assert "No mail is sent from here" in text_of(client.get(URL))


def test_a_stranger_is_asked_to_sign_in(app):
    assert app.test_client().get(URL).location == "/sign-in?next=/settings/email"
    assert app.test_client().post(URL, data=FORM).status_code == 303
    assert app.test_client().post(f"{URL}/cancel").status_code == 303
