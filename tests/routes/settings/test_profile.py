"""The page of a user's name, language and time zone, as a browser uses it."""

import pytest

from app.models.user import User
from app.services import own_settings
from tests.factories import actor_of, make_user, sign_in
from tests.page_client import text_of

URL = "/settings"
FORM = {"name": "Ann Bell", "locale": "en", "time_zone": "Europe/Moscow"}


@pytest.fixture
def ann():
    return make_user("ann@example.com", name="Ann")


@pytest.fixture
def client(client, ann):
    return sign_in(client, ann)


def test_the_page_shows_what_is_set_and_leads_to_the_other_settings(client):
    page = client.get(URL)
    assert 'name="name" type="text" value="Ann"' in page.text
    assert '<option selected value="UTC">UTC</option>' in page.text
    assert '<option selected value="en">English</option>' in page.text
    assert 'href="/settings" aria-current="page"' in page.text
    assert '<option value="ru">Русский</option>' in page.text


def test_what_is_saved_counts_from_the_next_page_on(client, ann):
    response = client.post(URL, data=FORM)
    assert (response.status_code, response.location) == (303, URL)
    page = text_of(client.get(URL))
    assert "Your settings are saved." in page
    assert "Times are shown in the time zone Europe/Moscow." in page
    ann.reload()
    assert (ann.name, ann.locale, ann.time_zone) == ("Ann Bell", "en", "Europe/Moscow")
    assert "bell" in ann.search


def test_another_language_is_spoken_at_once(client):
    client.post(URL, data=FORM | {"locale": "ru"})
    assert '<html lang="ru">' in client.get(URL).text


def test_a_zone_that_is_in_no_list_can_be_kept_but_not_chosen(client, ann):
    User.objects(id=ann.id).update(time_zone="Etc/GMT+5")
    assert '<option selected value="Etc/GMT+5">' in client.get(URL).text
    assert client.post(URL, data=FORM | {"time_zone": "Etc/GMT+5"}).status_code == 303
    assert client.post(URL, data=FORM).status_code == 303
    assert client.post(URL, data=FORM | {"time_zone": "Etc/GMT+5"}).status_code == 400


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"name": "two\nlines"}, "Use up to 100 characters"),
        ({"name": "x\u202e"}, "Use up to 100 characters"),
        ({"name": "x" * 101}, "Field cannot be longer than 100 characters."),
        ({"locale": "de"}, "Not a valid choice."),
        ({"time_zone": "Mars/Olympus"}, "Not a valid choice."),
        ({"time_zone": "../../etc/passwd"}, "Not a valid choice."),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_saved(client, ann, form, said):
    page = client.post(URL, data=FORM | form)
    assert page.status_code == 400
    assert said in text_of(page)
    assert User.objects.get(id=ann.id).name == "Ann"


def test_nobody_sets_it_for_somebody_else(ann):
    chosen = {"name": "x", "locale": "en", "time_zone": "UTC"}
    with pytest.raises(own_settings.Forbidden):
        own_settings.change_profile(ann.id, **chosen, by=actor_of(make_user()))


@pytest.mark.parametrize("field", ["locale", "time_zone"])
def test_what_no_page_offers_is_refused_by_the_service_too(ann, field):
    chosen = {"name": "x", "locale": "en", "time_zone": "UTC"} | {field: "x"}
    with pytest.raises(own_settings.InvalidInput):
        own_settings.change_profile(ann.id, **chosen, by=actor_of(ann))


def test_a_stranger_is_asked_to_sign_in(app):
    assert app.test_client().get(URL).location == "/sign-in?next=/settings"
    assert app.test_client().post(URL, data=FORM).status_code == 303
