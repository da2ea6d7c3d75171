"""The desk: the list, one request, and the two decisions on it."""

import re

import pytest
from mongoengine.connection import get_db

from app.models.token_request import Status, TokenRequest
from app.services import notifications, review, token_accounts, token_requests
from tests.factories import actor_of, make_admin, make_request, make_user, sign_in
from tests.page_client import text_of
from tests.routes.test_requests import NO_REQUESTS

WORDS = {"approve": "Good luck!", "reject": "Please wait for Monday."}


@pytest.fixture
def admin():
    return make_admin("adam@example.com", name="Adam")


@pytest.fixture
def client(client, admin):
    return sign_in(client, admin)


@pytest.fixture
def token_request():
    return make_request(make_user("ann@example.com", name="Ann"), used=100_000, reason="For a talk")


def decide(client, decision, number=1, version="1", response=None, **options):
    data = {"version": version, "response": WORDS[decision] if response is None else response}
    return client.post(f"/admin/requests/{number}/{decision}", data=data, **options)


def status(number=1):
    return token_requests.by_number(number).status


def numbers(page):
    return [int(number) for number in re.findall(r'href="/admin/requests/(\d+)"', page.text)]


# --- the list ---------------------------------------------------------------------------------------------------------


def test_a_row_says_who_asks_for_what(client, token_request):
    text = text_of(client.get("/admin/requests"))
    assert "1 request waits for a decision." in text
    assert "#1 More tokens A Ann ann@example.com For a talk Used 100K" in text
    assert "Pending" in text


def test_it_opens_on_what_is_pending_and_shows_the_rest_where_asked(client, admin, token_request):
    review.approve(make_request(), by=actor_of(admin))
    assert numbers(client.get("/admin/requests")) == [1]
    assert numbers(client.get("/admin/requests?status=approved")) == [2]
    assert numbers(client.get("/admin/requests?status=all")) == [2, 1]
    for chosen in Status:
        assert client.get(f"/admin/requests?status={chosen}").status_code == 200


def test_an_empty_list_says_so(client):
    assert "Nothing waits" in client.get("/admin/requests").text
    assert "None with this status" in client.get("/admin/requests?status=spam").text
    assert "No requests yet" in client.get("/admin/requests?status=all").text


def test_the_list_goes_on_page_by_page_and_keeps_its_filter(client):
    for _ in range(53):
        make_request()
    first = client.get("/admin/requests?status=all")
    address = re.search(r'rel="next" href="([^"]+)"', first.text)[1].replace("&amp;", "&")
    second = client.get(address)
    assert (numbers(first), numbers(second)) == (list(range(53, 3, -1)), [3, 2, 1])
    assert 'rel="prev" href="/admin/requests?status=all"' in second.text


def test_the_people_in_a_list_are_looked_up_at_once(client, admin):
    for _ in range(10):
        make_request()
    database = get_db()
    database.command("profile", 2)
    try:
        client.get("/admin/requests")
        database.command("profile", 0)
        others = {"ns": f"{database.name}.users", "op": "query", "command.filter._id": {"$ne": admin.id}}
        looked_up = database["system.profile"].count_documents(others)
    finally:
        database.command("profile", 0)
        database["system.profile"].drop()
    assert looked_up == 1


def test_a_deleted_users_request_is_still_listed(client, token_request):
    type(token_request).objects.update(user=token_request.id)
    assert "A deleted user" in client.get("/admin/requests").text


@pytest.mark.parametrize("query", ["status=nonsense", "status=$ne", "before=x", "before=-1"])
def test_a_malformed_address_is_refused(client, query):
    assert client.get(f"/admin/requests?{query}").status_code == 400


# --- one request ------------------------------------------------------------------------------------------------------


def test_the_page_shows_all_that_a_decision_needs(client, admin, token_request):
    review.reject(token_request, by=actor_of(admin), response="Not yet.")
    ann = token_request.user
    make_request(type(admin).objects.get(id=ann), reason="Once more")
    text = text_of(client.get("/admin/requests/2"))
    for fact in ("Ann", "ann@example.com", "Once more", "100,000 tokens in 1 call", "Tier: FREE (100K/week)", "100%"):
        assert fact in text
    assert "Other requests of this user #1" in text
    assert "Approve" in text
    assert "Reject" in text


def test_a_question_leaves_only_rejection(client, admin, token_request):
    review.ask(token_request, by=actor_of(admin), question="What for?")
    page = client.get("/admin/requests/1")
    assert "/requests/1/approve" not in page.text
    assert "/requests/1/reject" in page.text
    assert "What for?" in page.text


def test_what_could_not_be_done_is_shown(client, token_request):
    due = [{"key": "k", "verb": "account.reset", "arguments": {}, "failed": "The balance would become too large."}]
    TokenRequest.objects.update(due=due)
    text = text_of(client.get("/admin/requests/1"))
    assert "could not be done: account.reset" in text
    assert "The balance would become too large." in text


def test_a_decided_request_says_who_decided_and_offers_nothing(client, token_request):
    review.approve(token_request, by=actor_of(make_admin(name="Eve")), response="Of course.")
    page = client.get("/admin/requests/1")
    assert "Approved by Eve" in text_of(page)
    assert "Of course." in page.text
    assert 'action="/admin/requests/1' not in page.text


@pytest.mark.parametrize("number", NO_REQUESTS)
def test_what_is_no_request_is_not_found(client, number):
    assert client.get(f"/admin/requests/{number}").status_code == 404
    assert decide(client, "approve", number).status_code == 404
    assert decide(client, "reject", number).status_code == 404


# --- deciding ---------------------------------------------------------------------------------------------------------


def test_approval_renews_the_allowance_and_tells_the_user(client, token_request):
    page = client.get("/admin/requests/1")
    version = re.search(r'name="version" value="(\d+)"', page.text)[1]
    response = decide(client, "approve", version=version)
    assert (response.status_code, response.location) == (303, "/admin/requests/1")
    assert "Request #1 is approved." in client.get(response.location).text
    assert status() == Status.APPROVED
    assert token_accounts.view(token_request.user).used == 0
    assert notifications.page(token_request.user)[0]["values"] == {"number": 1, "response": "Good luck!"}


def test_approval_needs_no_words(client, token_request):
    assert decide(client, "approve", response="").status_code == 303


def test_rejection_changes_nothing_but_the_request_and_says_why(client, token_request):
    assert decide(client, "reject", response="Bitte wartet 🙂\r\n<b>").status_code == 303
    assert status() == Status.REJECTED
    assert token_requests.by_number(1).decision["response"] == "Bitte wartet 🙂\n<b>"
    assert token_accounts.view(token_request.user).used == 100_000


@pytest.mark.parametrize("decision", WORDS)
def test_the_same_decision_twice_is_one(client, token_request, decision):
    assert decide(client, decision).status_code == 303
    assert decide(client, decision).status_code == 303
    assert len(token_requests.by_number(1).history) == 2


@pytest.mark.parametrize(
    ("decision", "response", "said"),
    [
        ("approve", "x" * 501, "Please write at most 500 characters."),
        ("reject", "x" * 501, "Please write at most 500 characters."),
        ("reject", "", "Please write something here."),
        ("reject", " \r\n ", "Please write something here."),
        ("approve", "a\x1bb", "Please remove the characters that are not text."),
        ("reject", "a\0b", "NUL"),
    ],
)
def test_unfit_words_are_explained_at_their_field_and_nothing_is_decided(
    client, token_request, decision, response, said
):
    answer = decide(client, decision, response=response)
    assert answer.status_code == 400
    assert said in answer.text
    if "\0" not in response:
        assert f'id="{decision}-response-errors"' in answer.text
    assert status() == Status.PENDING


@pytest.mark.parametrize("decision", WORDS)
@pytest.mark.parametrize("version", ["", "x", "-1", "1.0", "١", "9" * 10, "1 "])
def test_a_page_without_a_proper_version_decides_nothing(client, token_request, decision, version):
    assert decide(client, decision, version=version).status_code == 400
    assert status() == Status.PENDING


@pytest.mark.parametrize("decision", WORDS)
def test_a_page_from_before_an_edit_decides_nothing_and_shows_the_new_text(client, token_request, decision):
    token_requests.edit(token_request, reason="For two talks", version=1)
    response = decide(client, decision)
    assert response.status_code == 409
    assert "has changed since you opened it" in response.text
    assert "For two talks" in response.text
    assert WORDS[decision] in response.text
    assert 'name="version" value="2"' in response.text
    assert status() == Status.PENDING


@pytest.mark.parametrize("decision", WORDS)
def test_what_somebody_else_decided_stays_decided(client, token_request, decision):
    review.reject(token_request, by=actor_of(make_admin(name="Eve")), response="No.")
    response = decide(client, decision)
    assert response.status_code == 409
    assert "Request #1 is already rejected, by Eve on " in response.text
    assert token_requests.by_number(1).decision["by"]["name"] == "Eve"


@pytest.mark.parametrize("decision", WORDS)
def test_nobody_decides_their_own_request(client, admin, decision):
    make_request(admin)
    page = client.get("/admin/requests/1")
    assert "This is your own request." in page.text
    assert f"/requests/1/{decision}" not in page.text
    response = decide(client, decision)
    assert response.status_code == 403
    assert "You cannot decide your own request." in response.text
    assert status() == Status.PENDING


@pytest.mark.parametrize("decision", WORDS)
def test_deciding_needs_the_forms_token_and_a_post(client, token_request, decision):
    assert decide(client, decision, csrf=False).status_code == 400
    assert client.get(f"/admin/requests/1/{decision}").status_code == 405
    assert status() == Status.PENDING


# --- denied -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("roles", [(), ("support",)])
def test_who_may_not_review_sees_and_decides_nothing(app, token_request, roles):
    client = sign_in(app.test_client(), make_user(roles=roles))
    assert client.get("/admin/requests").status_code == 403
    assert client.get("/admin/requests/1").status_code == 403
    assert decide(client, "approve").status_code == 403
    assert decide(client, "reject").status_code == 403
    assert status() == Status.PENDING


def test_a_stranger_decides_nothing(app, token_request):
    client = app.test_client()
    assert client.get("/admin/requests/1").status_code == 303
    assert decide(client, "approve").status_code == 303
    assert status() == Status.PENDING
