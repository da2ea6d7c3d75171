"""The language of pages, mails, the API and the command line: a user's setting, else the browser's, else the site's own."""

import pytest
from flask import g
from flask_babel import force_locale, gettext, ngettext

from app import emails
from app.models.ledger_entry import OWN_DESCRIPTIONS
from app.presentation import description
from app.services import token_accounts
from tests.factories import OPERATOR, make_request, make_user, sign_in
from tests.page_client import text_of

RUSSIAN, ENGLISH = {"Accept-Language": "ru-RU,ru;q=0.9"}, {"Accept-Language": "en-US"}


def choose(client, language, target="/sign-in", **options):
    return client.post("/language", data={"language": language, "next": target}, **options)


@pytest.fixture
def ada():
    user = make_user()
    user.modify(locale="ru")
    return user


def test_a_guest_reads_the_language_of_the_browser(client):
    page = client.get("/sign-in", headers=RUSSIAN)
    assert '<html lang="ru">' in page.text
    assert "Войти" in text_of(page)
    assert "Sign in" not in text_of(page)
    assert '<html lang="en">' in client.get("/sign-in", headers=ENGLISH).text


@pytest.mark.parametrize("path", ["/sign-in", "/catalogue"])
def test_a_guest_is_offered_the_other_language_by_its_own_name(client, path):
    assert text_of(client.get(path, headers=ENGLISH)).endswith("Русский")
    assert text_of(client.get(path, headers=RUSSIAN)).endswith("English")


def test_what_a_guest_chooses_counts_from_then_on(client):
    response = choose(client, "ru", target="/sign-in?next=/requests", headers=ENGLISH)
    assert (response.status_code, response.location) == (303, "/sign-in?next=/requests")
    (cookie,) = (one for one in response.headers.getlist("Set-Cookie") if one.startswith("language="))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert '<html lang="ru">' in client.get("/sign-in", headers=ENGLISH).text
    choose(client, "en", headers=RUSSIAN)
    assert '<html lang="en">' in client.get("/sign-in", headers=RUSSIAN).text


@pytest.mark.parametrize("language", ["", "de", "ru\r\nSet-Cookie: a=b"])
def test_only_a_language_of_this_site_can_be_chosen(client, language):
    assert choose(client, language).status_code == 400
    assert '<html lang="en">' in client.get("/sign-in").text


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example/", ""])
def test_the_choice_leads_nowhere_else(client, target):
    assert choose(client, "ru", target=target).location == "/"


def test_a_choice_needs_the_forms_token(client):
    assert choose(client, "ru", csrf=False).status_code == 400


def test_a_cookie_of_an_unknown_language_is_passed_over(client):
    client.set_cookie("language", "de")
    assert '<html lang="ru">' in client.get("/sign-in", headers=RUSSIAN).text


def test_a_users_setting_counts_over_the_browser_and_an_earlier_choice(client, ada):
    choose(client, "en", headers=ENGLISH)
    sign_in(client, ada)
    page = client.get("/account", headers=ENGLISH)
    assert '<html lang="ru">' in page.text
    for said in ("Счёт токенов", "Тариф: FREE (100 тыс. за неделю)", "150 000", "токенов доступно"):
        assert said.replace(" ", "") in "".join(text_of(page).split()), said
    assert 'name="language"' not in page.text


def test_forms_answer_in_the_readers_language_with_wtforms_own_words_too(app, client, monkeypatch):
    monkeypatch.setitem(app.config, "REGISTRATION", "open")
    page = client.post("/register", data={"email": "ann", "password": "", "name": "x" * 101}, headers=RUSSIAN)
    assert "Значение не должно содержать более 100 символов." in text_of(page)
    assert "This field" not in page.text
    assert "Field must" not in page.text


def test_errors_are_said_in_the_readers_language(client):
    page = client.get("/nothing-here", headers=RUSSIAN)
    assert (page.status_code, "Страница не найдена" in text_of(page)) == (404, True)


def test_programs_read_english_unless_they_ask(client, ada):
    sign_in(client, ada)
    for headers, message in (
        ({}, "Please check what you entered."),
        (RUSSIAN, "Проверьте введённые данные."),
        (ENGLISH, "Please check what you entered."),
    ):
        refused = client.post("/api/token-requests", json={}, headers=headers)
        assert (refused.json["code"], refused.json["message"]) == ("invalid_input", message)


def test_a_mail_is_in_the_language_of_whoever_it_is_for(ada):
    notice = {"kind": "request_approved", "values": {"number": 7, "granted": 5}, "url": "/requests/7"}
    said = emails.render("notice", notice, reader=ada)
    assert said.subject == "Ваш запрос #7 одобрен. Вам начислено 5 токенов."
    assert said.text.startswith("Здравствуйте, ")
    assert '<html lang="ru">' in said.html


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 токенов"), (1, "1 токен"), (3, "3 токена"), (5, "5 токенов"), (11, "11 токенов"), (21, "21 токен")],
)
def test_russian_counts_in_three_forms(count, text):
    with force_locale("ru"):
        said = ngettext("%(tokens)s token", "%(tokens)s tokens", count, tokens=count)
    assert said.replace("\xa0", " ") == text


def test_our_own_words_in_the_ledger_are_translated_and_those_of_others_are_not():
    with force_locale("ru"):
        assert description("Initial grant") == "Первое начисление"
        assert [description(text) for text in ("Password", "100% more", "")] == ["Password", "100% more", ""]
        assert all(gettext(text) != text for text in OWN_DESCRIPTIONS)


def test_the_ledger_of_a_reader_is_in_their_language(client, ada):
    token_accounts.spend(ada.id, 5, by=OPERATOR, key="1", description="Draft of a letter")
    sign_in(client, ada)
    page = text_of(client.get("/account"))
    for said in ("Первый период", "Расход", "Draft of a letter"):
        assert said in page, said


def test_the_desk_speaks_russian(client):
    reviewer = make_user(roles=["reviewer"])
    reviewer.modify(locale="ru")
    make_request(make_user())
    sign_in(client, reviewer)
    assert "1 запрос ожидает решения." in text_of(client.get("/admin/requests")).replace("\xa0", " ")


def test_the_command_line_speaks_english_whatever_the_site_speaks(app, monkeypatch):
    monkeypatch.setitem(app.config, "BABEL_DEFAULT_LOCALE", "ru")
    assert "reader" not in g
    result = app.test_cli_runner().invoke(args=["requests", "show", "999"])
    assert "Request not found" in result.output
