"""The pages of canned responses."""

import pytest

from app.models.canned_response import CannedResponse
from app.services import canned_responses
from tests.factories import OPERATOR, make_admin, make_user, sign_in
from tests.page_client import text_of

LIST, NEW = "/admin/canned-responses", "/admin/canned-responses/new"


@pytest.fixture
def client(client):
    return sign_in(client, make_admin(name="Adam"))


@pytest.fixture
def soon():
    return canned_responses.create(title="Soon", text="Please wait for Monday.", kinds=["quota"], by=OPERATOR)


def address(response):
    return f"{LIST}/{response.id}"


def filled(**more):
    return {"title": "Later", "text": "Not this week.", "version": "1", **more}


def test_the_list_has_them_by_name_and_says_for_what(client, soon):
    canned_responses.create(title="Enjoy", text="Here you are.", by=OPERATOR)
    text = text_of(client.get(LIST))
    assert "2 canned responses" in text
    assert text.index("Enjoy Here you are. All requests") < text.index("Soon Please wait for Monday. More tokens")


def test_an_empty_list_says_what_to_do(client):
    assert "Write the first one" in text_of(client.get(LIST))


def test_a_new_one_is_offered(client):
    assert client.get(NEW).status_code == 200
    response = client.post(NEW, data=filled(kinds=["beta"]))
    assert (response.status_code, response.location) == (303, LIST)
    (made,) = canned_responses.offered("beta")
    assert (made.title, made.text, made.kinds) == ("Later", "Not this week.", ["beta"])
    assert canned_responses.offered("quota") == []
    assert "Reviewers can choose “Later” now." in text_of(client.get(LIST))


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": ""},
        {"title": " "},
        {"title": "x" * 101},
        {"title": "a\nb"},
        {"text": ""},
        {"text": "x" * 501},
        {"text": "\x07"},
        {"kinds": ["gift"]},
        {"version": "x"},
    ],
)
def test_a_wrong_field_saves_nothing_and_keeps_what_was_written(client, soon, wrong):
    for where in (NEW, address(soon)):
        page = client.post(where, data=filled(**wrong))
        assert page.status_code == 400
        assert "Later" in page.text or "Not this week." in page.text
    assert canned_responses.get(soon.id).version == 1
    assert CannedResponse.objects.count() == 1


def test_it_is_changed(client, soon):
    page = client.get(address(soon))
    assert "Please wait for Monday." in page.text
    assert 'value="quota"' in page.text
    response = client.post(address(soon), data=filled())
    assert (response.status_code, response.location) == (303, LIST)
    now = canned_responses.get(soon.id)
    assert (now.title, now.text, now.kinds, now.version) == ("Later", "Not this week.", [], 2)


def test_a_form_that_does_not_say_which_version_it_shows_changes_nothing(client, soon):
    response = client.post(address(soon), data={"title": "Later", "text": "Not this week."})
    assert (response.status_code, canned_responses.get(soon.id).version) == (400, 1)


def test_what_somebody_else_has_changed_is_not_overwritten(client, soon):
    canned_responses.edit(soon, title="Soon", text="Please wait for Tuesday.", version=1, by=OPERATOR)
    page = client.post(address(soon), data=filled())
    assert page.status_code == 409
    assert "Somebody has changed this since you opened it." in text_of(page)
    assert "Please wait for Tuesday." in text_of(page)
    assert "Not this week." in page.text
    assert canned_responses.get(soon.id).text == "Please wait for Tuesday."


def test_it_is_removed_after_a_question(client, soon):
    assert "Decisions that used it keep its words." in text_of(client.get(LIST))
    response = client.post(f"{address(soon)}/remove")
    assert (response.status_code, response.location) == (303, LIST)
    assert canned_responses.offered() == []
    assert client.post(f"{address(soon)}/remove").status_code == client.get(address(soon)).status_code == 404


@pytest.mark.parametrize("name", ["x", "f" * 24, "1"])
def test_one_that_is_not_there_is_not_found(client, name):
    assert client.get(f"{LIST}/{name}").status_code == 404
    assert client.post(f"{LIST}/{name}", data=filled()).status_code == 404
    assert client.post(f"{LIST}/{name}/remove").status_code == 404


@pytest.mark.parametrize("roles", [[], ["support"], ["reviewer"]])
def test_only_those_who_manage_settings_see_them(client, soon, roles):
    sign_in(client, make_user(roles=roles))
    assert client.get(LIST).status_code == client.get(NEW).status_code == 403
    assert client.post(NEW, data=filled()).status_code == 403
    assert client.post(address(soon), data=filled()).status_code == 403
    assert client.post(f"{address(soon)}/remove").status_code == 403
    assert canned_responses.get(soon.id).version == 1
    assert "canned-responses" not in client.get("/account").text


def test_the_way_there_stands_in_the_navigation(client):
    assert f'href="{LIST}"' in client.get("/admin").text
