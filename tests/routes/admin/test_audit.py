"""The audit trail's pages."""

import json

import pytest
from bson import ObjectId

from app.models.actor import SYSTEM
from app.models.audit_event import AuditEvent
from app.services import audit_sealing
from tests.factories import make_admin, make_request, make_user, sign_in
from tests.page_client import text_of
from tests.sealing import ADAM, enter, sealed_trail

LIST = "/admin/audit"


@pytest.fixture
def client(client):
    return sign_in(client, make_admin(name="Rita"))


def rows(page):
    return page.text.count('<th role="rowheader"')


def test_the_list_says_who_did_what_to_what_and_why(client):
    token_request = make_request()
    of = {"kind": "request", "id": str(token_request.id), "number": token_request.number}
    enter(object=of, reason="<b>Because</b>")
    sealed_trail(0)
    enter(by=SYSTEM, action="request.expire", object={"kind": "order", "id": "o", "number": 7})
    page = client.get(LIST)
    text = text_of(page)
    assert "request.expire They asked nicely. Tokendesk System Order #7" in text
    assert "Not sealed yet" in text
    assert f"&lt;b&gt;Because&lt;/b&gt; Adam User Request #{token_request.number}" in text
    assert f'href="/admin/requests/{token_request.number}"' in page.text
    assert "Sealed" in text


def test_a_users_page_leads_to_what_was_changed_about_them(client):
    ada = make_user("ada@example.com", name="Ada")
    assert f'href="/admin/audit?object={ada.id}"' in client.get(f"/admin/users/{ada.id}").text
    page = client.get(LIST, query_string={"object": ada.id})
    assert (rows(page), "user.create The tests Command line User Ada" in text_of(page)) == (1, True)


def test_its_filters_stand_in_the_address(client):
    AuditEvent.objects.delete()
    for number in range(3):
        enter(object={"kind": "request", "id": f"o-{number}", "number": number})
    enter(by=SYSTEM, action="request.expire")
    for query, shown in (
        ({}, 4),
        ({"actor": ADAM.id}, 3),
        ({"actor": "system"}, 1),
        ({"action": "request.expire"}, 1),
        ({"object": "#2"}, 1),
        ({"object": "o-1", "actor": ADAM.id}, 1),
        ({"from": "2026-01-01", "until": "2099-12-31", "action": ""}, 4),
        ({"until": "2020-01-01"}, 0),
        ({"actor": "$ne"}, 0),
    ):
        assert rows(client.get(LIST, query_string=query)) == shown, query
    page = client.get(LIST, query_string={"actor": ADAM.id, "action": "request.approve"})
    assert f"/admin/audit.csv?actor={ADAM.id}&amp;action=request.approve" in page.text
    assert "No event fits" in text_of(client.get(LIST, query_string={"actor": "nobody"}))


def test_nothing_that_an_address_must_not_ask_for_is_answered(client):
    for wrong in ({"action": "dance"}, {"from": "yesterday"}, {"actor": "x" * 255}, {"before": "1"}):
        assert client.get(LIST, query_string=wrong).status_code == 400, wrong
    assert client.get("/admin/audit.csv?action=dance").status_code == 400
    assert client.get(LIST, query_string={"before": str(ObjectId())}).status_code == 404


def test_older_events_are_on_further_pages(client):
    AuditEvent.objects.delete()
    for number in range(53):
        enter(object={"kind": "request", "id": "one", "number": number + 1})
    page = client.get(LIST, query_string={"object": "one"})
    oldest = AuditEvent.objects.order_by("at", "id")[3]
    assert rows(page) == 50
    assert f"object=one&amp;before={oldest.id}" in page.text
    assert rows(client.get(LIST, query_string={"object": "one", "before": str(oldest.id)})) == 3


def test_one_event_shows_before_and_after_and_its_place_in_the_chain(client):
    sealed_trail(1)
    enter(after={"listed": False, "days": [1, 2], "policy": {"limit": 5000}, "text": "<i>"}, on_behalf_of="u-1")
    sealed, event = AuditEvent.objects(action="request.approve").order_by("id")
    page = client.get(f"{LIST}/{event.id}")
    text = text_of(page)
    for words in (
        "Before: pending After: –",
        "Before: – After: no",
        "After: 1, 2",
        "After: limit: 5,000",
        "After: &lt;i&gt;",
        "Reason They asked nicely.",
        "From address 192.0.2.1",
        "Whose key u-1",
        "The worker seals new events within seconds.",
    ):
        assert words in text, words
    seal = audit_sealing.seals().find_one({"event": sealed.id})
    text = text_of(client.get(f"{LIST}/{sealed.id}"))
    assert f"Hash (SHA-256) {seal['hash']}" in text
    assert f"Hash before it {seal['previous']}" in text


def test_an_event_of_which_something_was_erased_says_so(client):
    enter()
    AuditEvent.objects(action="request.approve").update(erased=["u"], reason="", unset__address=True)
    event = AuditEvent.objects(action="request.approve").get()
    assert "were erased here" in text_of(client.get(f"{LIST}/{event.id}"))


@pytest.mark.parametrize("event_id", ["1", "f" * 24, "$ne"])
def test_there_is_no_such_event(client, event_id):
    assert client.get(f"{LIST}/{event_id}").status_code == 404


def test_a_trail_without_events_says_what_will_stand_there(client):
    AuditEvent.objects.delete()
    assert "Nothing has happened yet" in text_of(client.get(LIST))


@pytest.mark.parametrize("format_", ["csv", "jsonl"])
def test_the_list_is_a_file_and_that_is_an_event(client, format_):
    sealed_trail(2)
    response = client.get(f"/admin/audit.{format_}", query_string={"action": "request.approve"})
    assert response.headers["Content-Disposition"].startswith("attachment; filename=audit-")
    lines = response.data.decode("utf-8-sig").splitlines()
    assert len(lines) == (3 if format_ == "csv" else 2)
    if format_ == "jsonl":
        assert (json.loads(lines[0])["actor_name"], json.loads(lines[0])["seq"]) == ("Adam", 3)
    event = AuditEvent.objects(action="audit.export").get()
    assert (event.actor["name"], event.after) == ("Rita", {"action": "request.approve"})


@pytest.mark.parametrize("path", [LIST, f"{LIST}/{'f' * 24}", "/admin/audit.csv", "/admin/audit.jsonl"])
def test_it_is_for_those_who_may_read_it(app, path):
    reviewer = sign_in(app.test_client(), make_user(roles=["reviewer"]))
    assert reviewer.get(path).status_code == 403
    assert app.test_client().get(path).status_code == 303
    assert 'href="/admin/audit"' not in reviewer.get("/admin/requests").text
