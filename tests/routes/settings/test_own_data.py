"""The page of what is kept about a user, as a browser uses it."""

import json

import pytest

from app.models.user import User
from tests.factories import PASSWORD, make_user, sign_in
from tests.page_client import text_of

URL = "/settings/data"


@pytest.fixture
def ann():
    return make_user("ann@example.com")


@pytest.fixture
def client(client, ann):
    return sign_in(client, ann)


def test_all_of_it_comes_as_a_file_for_nobodys_cache(client):
    page = client.get(URL)
    assert "Download everything" in text_of(page)
    assert f'href="{URL}/export.json"' in page.text
    file = client.get(f"{URL}/export.json")
    assert (file.status_code, file.mimetype, file.headers["Cache-Control"]) == (200, "application/json", "no-store")
    assert file.headers["Content-Disposition"].startswith("attachment; filename=tokendesk-20")
    assert json.loads(file.text)["profile"]["email"] == "ann@example.com"


def test_it_is_sent_while_it_is_read(client):
    response = client.get(f"{URL}/export.json", buffered=False)
    assert response.is_streamed
    assert response.content_length is None


def test_whoever_asks_all_day_is_told_to_wait(client):
    statuses = [client.get(f"{URL}/export.json").status_code for _ in range(11)]
    assert statuses == [200] * 10 + [429]


@pytest.mark.parametrize("password", [PASSWORD, None])
def test_the_account_is_deleted_and_its_browsers_are_signed_out(app, client, password):
    person = make_user("bell@example.com", password=password)
    other = sign_in(app.test_client(), person)
    sign_in(client, person)
    page = client.get(URL)
    assert "This cannot be undone." in text_of(page)
    response = client.post(f"{URL}/delete", data={"proof": password or person.email})
    assert (response.status_code, response.location) == (303, "/sign-in")
    assert "Your account is deleted." in text_of(client.get("/sign-in"))
    assert [browser.get(URL).status_code for browser in (client, other)] == [303, 303]
    assert User.by_email("bell@example.com") is None


@pytest.mark.parametrize(
    ("proof", "said"),
    [("", "Enter your e-mail address."), ("bob@example.com", "This is not your e-mail address."), ("x" * 300, "254")],
)
def test_without_the_right_words_nothing_is_deleted(client, ann, proof, said):
    page = client.post(f"{URL}/delete", data={"proof": proof})
    assert page.status_code == 400
    assert said in text_of(page)
    assert User.objects.get(id=ann.id).active


def test_whoever_holds_a_permission_is_told_what_to_do_first(client):
    reviewer = make_user(roles=["reviewer"])
    sign_in(client, reviewer)
    page = client.get(URL)
    assert "You hold permissions here." in text_of(page)
    assert "/delete" not in page.text
    assert client.post(f"{URL}/delete", data={"proof": reviewer.email}).status_code == 403
    assert User.objects.get(id=reviewer.id).active


def test_a_foreign_form_deletes_nothing(app, client, ann):
    assert client.post(f"{URL}/delete", data={"proof": ann.email}, csrf=False).status_code == 400
    assert app.test_client().post(f"{URL}/delete", data={"proof": ann.email}).status_code == 303
    assert User.objects.get(id=ann.id).active


def test_a_stranger_is_asked_to_sign_in(app):
    for path in (URL, f"{URL}/export.json"):
        assert app.test_client().get(path).location == f"/sign-in?next={path}"
