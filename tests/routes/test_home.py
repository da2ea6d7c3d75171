"""The address that people type."""

from tests.factories import make_user, sign_in


def test_it_leads_a_stranger_to_the_sign_in_page(client):
    response = client.get("/")
    assert (response.status_code, response.location) == (303, "/sign-in")


def test_it_leads_a_user_to_the_chat(client):
    response = sign_in(client, make_user()).get("/")
    assert (response.status_code, response.location) == (303, "/chat")


def test_it_takes_nothing(client):
    assert client.post("/").status_code == 405
