"""Registering as a browser does it."""

import pytest
from mongoengine.connection import get_db

from app.models.user import User
from app.services import passwords, token_accounts
from tests.factories import PASSWORD, make_user, sign_in
from tests.page_client import text_of

EMAIL = "ann@example.com"


@pytest.fixture
def is_open(app, monkeypatch):
    monkeypatch.setitem(app.config, "REGISTRATION", "open")


def send(client, email=EMAIL, password=PASSWORD, name="Ann", url="/register", **options):
    return client.post(url, data={"email": email, "password": password, "name": name}, **options)


class TestClosed:
    def test_there_is_no_such_page(self, client):
        assert client.get("/register").status_code == 404
        assert send(client).status_code == 404
        assert User.objects.count() == 0

    def test_nothing_leads_there(self, client):
        assert "/register" not in client.get("/sign-in").text


@pytest.mark.usefixtures("is_open")
class TestOpen:
    def test_the_page_shows_a_form_that_browsers_can_fill_in(self, client):
        page = client.get("/register")
        assert page.status_code == 200
        for expected in ('autocomplete="name"', 'autocomplete="username"', 'autocomplete="new-password"'):
            assert expected in page.text
        assert page.text.count("autofocus") == 1

    def test_the_sign_in_page_leads_there_and_back_with_the_way_back(self, client):
        assert 'href="/register?next=/requests/7"' in client.get("/sign-in?next=/requests/7").text
        assert 'href="/sign-in?next=/requests/7"' in client.get("/register?next=/requests/7").text

    def test_who_registers_is_signed_in_with_their_tokens(self, client):
        response = send(client)
        assert (response.status_code, response.location) == (303, "/")
        user = User.objects.get()
        assert (user.email, user.name, user.locale) == (EMAIL, "Ann", "en")
        assert passwords.matches(user.password_hash, PASSWORD)
        assert "Welcome to Tokendesk!" in text_of(client.get("/account"))
        assert token_accounts.view(user.id).available == 150_000

    def test_the_language_of_the_browser_becomes_the_users(self, client):
        send(client, headers={"Accept-Language": "ru,en;q=0.5"})
        assert User.objects.get().locale == "ru"

    def test_where_mail_is_configured_the_tokens_wait(self, app, client, monkeypatch):
        monkeypatch.setitem(app.config, "MAIL_SERVER", "mail.example.com")
        send(client)
        page = text_of(client.get("/account"))
        assert "Your first 50,000 tokens come when your e-mail address is confirmed." in page
        assert token_accounts.view(User.objects.get().id).available == 100_000

    def test_it_takes_nothing_over_from_the_session_before(self, client):
        with client.session_transaction() as session:
            session["planted"] = "by somebody else"
        send(client)
        with client.session_transaction() as session:
            assert "planted" not in session

    @pytest.mark.parametrize(
        ("target", "location"), [("/requests/7?a=b", "/requests/7?a=b"), ("//evil.example", "/"), ("/\\evil", "/")]
    )
    def test_afterwards_the_reader_is_where_they_wanted_to_be_on_this_site(self, client, target, location):
        assert send(client, query_string={"next": target}).location == location
        assert client.get("/register", query_string={"next": target}).location == location

    def test_an_address_that_is_taken_is_said_at_its_field(self, client):
        make_user(EMAIL)
        page = send(client, email=EMAIL.upper())
        assert page.status_code == 409
        assert "A user with this e-mail address exists already." in text_of(page)
        assert f'value="{EMAIL.upper()}"' in page.text
        assert PASSWORD not in page.text
        assert client.get("/account").status_code == 303

    @pytest.mark.parametrize(
        ("form", "said"),
        [
            ({"email": ""}, "Enter your e-mail address."),
            ({"email": "ann"}, "Enter an e-mail address, such as name@example.com."),
            ({"email": "ann@example.com\r\nBcc: x@example.com"}, "Enter an e-mail address"),
            ({"email": "x" * 255}, "254"),
            ({"password": ""}, "Choose a password."),
            ({"password": "short"}, "Use between 10 and 200 characters."),
            ({"password": "password123"}, "Many people use a password like this."),
            ({"password": EMAIL}, "Do not use your e-mail address as your password."),
            ({"password": "x" * 201}, "200"),
            ({"name": "x" * 101}, "100"),
            ({"name": "bell\x07"}, "without line breaks"),
        ],
    )
    def test_what_is_wrong_is_said_at_its_field_and_nothing_is_stored(self, client, form, said):
        page = send(client, **form)
        assert page.status_code == 400
        assert said in text_of(page)
        assert 'aria-invalid="true"' in page.text
        assert User.objects.count() == get_db().login_sessions.count_documents({}) == 0

    def test_nobody_gives_themselves_more_by_the_form(self, client):
        form = {"email": EMAIL, "password": PASSWORD, "roles": "admin", "tier": "pro", "permissions": "users.manage"}
        assert client.post("/register", data=form | {"email_confirmed": "true"}).status_code == 303
        user = User.objects.get()
        assert (user.tier, list(user.permissions), user.email_confirmed) == ("free", [], False)

    def test_too_many_attempts_are_told_with_the_time_to_wait(self, client):
        for _ in range(10):
            send(client, email="nonsense")
        page = send(client)
        assert page.status_code == 429
        assert "Too many attempts" in text_of(page)
        assert int(page.headers["Retry-After"]) > 0
        assert User.objects.count() == 0

    def test_a_form_without_its_token_is_refused(self, client):
        assert send(client, csrf=False).status_code == 400
        assert client.post("/register", json={"email": EMAIL, "password": PASSWORD}).status_code in (400, 415)
        assert User.objects.count() == 0

    def test_whoever_is_signed_in_is_sent_on(self, client):
        sign_in(client, make_user())
        assert client.get("/register").location == "/"
        assert send(client).location == "/"
        assert User.objects.count() == 1
