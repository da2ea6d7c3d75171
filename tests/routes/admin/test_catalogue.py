"""Looking after the catalogue, in the browser and at the command line."""

import json

import pytest

from app.models.audit_event import AuditEvent
from app.services import catalogue as service
from app.services import review
from tests.factories import actor_of, make_admin, make_user, sign_in
from tests.steps import make_listing


@pytest.fixture
def rita():
    return make_admin("rita@example.com", name="Rita")


@pytest.fixture
def token(rita):
    return service.find(review.approve(make_listing(), by=actor_of(rita)).number)


@pytest.fixture
def removal(client, rita, token):
    sign_in(client, rita)
    return f"/admin/catalogue/{token.number}/remove"


def test_a_removal_asks_why_and_leaves_a_trail(client, removal, token, rita):
    assert removal in client.get("/admin/catalogue").text
    assert "can be asked for again" in client.get(removal).text
    done = client.post(removal, data={"reason": "The contract was drained."}, follow_redirects=True)
    assert "GOLD is out of the catalogue." in done.text
    assert service.page() == []
    event = AuditEvent.objects.get(action="catalogue.remove")
    assert (event.actor["name"], event.reason, event.object["number"]) == (
        "Rita",
        "The contract was drained.",
        token.number,
    )


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_without_a_reason_nothing_is_removed(client, removal, reason):
    assert client.post(removal, data={"reason": reason}).status_code == 400
    assert len(service.page()) == 1


def test_a_second_removal_is_not_found(client, removal):
    client.post(removal, data={"reason": "Gone."})
    assert client.post(removal, data={"reason": "Gone."}).status_code == 404
    assert AuditEvent.objects(action="catalogue.remove").count() == 1


def test_only_who_may_look_after_it_does(client, token):
    sign_in(client, make_user(roles=["reviewer"]))
    assert client.get("/admin/catalogue").status_code == 403
    assert client.post(f"/admin/catalogue/{token.number}/remove", data={"reason": "x"}).status_code == 403
    assert len(service.page()) == 1


def test_the_page_says_what_is_published_and_what_an_empty_catalogue_is(client, rita):
    sign_in(client, rita)
    assert "A token is listed when its request is approved." in client.get("/admin/catalogue").text
    review.approve(make_listing(), by=actor_of(rita))
    assert "(version 1.0.0)." in client.get("/admin/catalogue").text
    assert "Nothing like this is listed" in client.get("/admin/catalogue?q=zzz").text


def test_the_commands_list_remove_and_export(app, token):
    def run(*args, **more):
        return app.test_cli_runner().invoke(args=["catalogue", *args], **more)

    assert json.loads(run("list", "--search", "go", "--json").output)[0]["symbol"] == "GOLD"
    assert "Nothing is listed." in run("list", "--blockchain", "tron").output
    assert run("export", "--format", "jsonl").output.count("\n") == 1
    number = str(token.number)
    assert run("remove", number, "--reason", "Gone.", input="n\n").exit_code == 1
    assert len(service.page()) == 1
    assert "GOLD is out of the catalogue." in run("remove", number, "--reason", "Gone.", "--yes").output
    again = run("remove", number, "--reason", "Gone.", "--yes")
    assert (again.exit_code, "not in the catalogue" in again.output) == (1, True)
