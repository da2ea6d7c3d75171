"""The desk's list: what it shows, its filters and search, its pages, and the way to the next request."""

import re
from datetime import UTC, datetime

import pytest
from mongoengine.connection import get_db

from app.models.token_request import Status, TokenRequest
from app.services import beta_requests, desk, reservations, review
from tests.factories import actor_of, make_admin, make_request, make_user, sign_in
from tests.page_client import text_of


@pytest.fixture
def admin():
    return make_admin("adam@example.com", name="Adam")


@pytest.fixture
def client(client, admin):
    return sign_in(client, admin)


@pytest.fixture
def token_request():
    return make_request(make_user("ann@example.com", name="Ann"), used=100_000, reason="For a talk")


def listed(client, query=""):
    """The numbers that the list shows."""
    page = client.get(f"/admin/requests?{query}")
    assert page.status_code == 200
    return numbers(page)


def numbers(page):
    return [int(number) for number in re.findall(r'class="row-link" href="/admin/requests/(\d+)"', page.text)]


def link(page, rel):
    """Where a link with this `rel` leads; None where there is none."""
    found = re.search(rf'rel="{rel}" href="([^"]+)"', page.text)
    return found and found[1].replace("&amp;", "&")


def make_beta(user=None):
    user = user or make_user()
    return beta_requests.submit(user, by=actor_of(user))


# --- rows -------------------------------------------------------------------------------------------------------------


def test_a_row_says_who_asks_for_what(client, token_request):
    text = text_of(client.get("/admin/requests"))
    assert "1 request waits for a decision." in text
    assert "#1 More tokens A Ann ann@example.com For a talk Used 100K" in text
    assert "Pending" in text


def test_rows_of_every_kind_stand_in_one_list(client, token_request):
    make_beta(make_user("ben@example.com"))
    text = text_of(client.get("/admin/requests"))
    assert "#2 Beta program" in text
    assert "#1 More tokens" in text


def test_a_row_says_in_whose_hands_the_request_is(client, token_request):
    reservations.next_for(actor_of(make_admin(name="Eve")))
    assert "Pending In the hands of Eve" in text_of(client.get("/admin/requests"))


def test_a_row_can_be_selected_with_the_version_that_it_shows(client, token_request):
    assert 'name="selected" value="1:1"' in client.get("/admin/requests").text


def test_it_opens_on_what_is_pending_and_shows_the_rest_where_asked(client, admin, token_request):
    review.approve(make_request(), by=actor_of(admin))
    assert listed(client) == [1]
    assert listed(client, "status=approved") == [2]
    assert listed(client, "status=all") == [2, 1]
    for chosen in Status:
        assert client.get(f"/admin/requests?status={chosen}").status_code == 200


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "Nothing waits"),
        ("status=spam", "None with this status"),
        ("status=all", "No requests yet"),
        ("q=nobody", "Nothing fits"),
        ("kind=beta", "Nothing fits"),
        ("from=2026-01-01&until=2026-01-02", "Nothing fits"),
    ],
)
def test_an_empty_list_says_so(client, query, said):
    page = client.get(f"/admin/requests?{query}")
    assert page.status_code == 200
    assert said in page.text


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


def test_what_could_not_be_done_is_named_above_the_list(client, token_request):
    item = {"key": "k", "verb": "account.reset", "arguments": {}, "at": datetime.now(UTC), "failed": "Too large."}
    TokenRequest.objects.update(due=[item])
    assert "could not be done: #1" in text_of(client.get("/admin/requests?status=spam"))


# --- filters ----------------------------------------------------------------------------------------------------------


def test_filters_combine_and_stand_in_the_addresses(client, admin):
    ann = make_user("ann@example.com", name="Ann")
    review.approve(make_request(ann), by=actor_of(admin))
    make_request(ann)
    make_beta(ann)
    make_beta()
    assert listed(client, "kind=beta") == [4, 3]
    assert listed(client, "kind=quota&status=all") == [2, 1]
    assert listed(client, f"user={ann.id}&status=all") == [3, 2, 1]
    assert listed(client, f"user={ann.id}&status=approved&kind=quota") == [1]
    assert listed(client, f"user={ann.id}&status=approved&kind=beta") == []
    assert listed(client, "user=nobody@example.com&status=all") == []
    page = client.get(f"/admin/requests?user={ann.id}&kind=quota&order=oldest&status=all")
    assert f"/admin/requests?status=approved&amp;kind=quota&amp;user={ann.id}&amp;order=oldest" in page.text
    assert "Only requests of Ann." in text_of(page)
    assert '<a class="desk-clear" href="/admin/requests?status=all">' in page.text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("from=2026-03-10", [3, 2]),
        ("until=2026-03-10", [2, 1]),
        ("from=2026-03-10&until=2026-03-10", [2]),
        ("from=2026-03-11&until=2026-03-10", []),
        ("from=&until=", [3, 2, 1]),
    ],
)
def test_days_are_the_readers_own(client, admin, query, expected):
    """In Tokyo, the 10th of March is from 15:00 UTC the day before."""
    admin.time_zone = "Asia/Tokyo"
    admin.save()
    for moment in ("2026-03-09T14:59:59Z", "2026-03-09T15:00:00Z", "2026-03-10T15:00:00Z"):
        make_request().update(submitted_at=datetime.fromisoformat(moment))
    assert listed(client, query) == expected


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("from=tomorrow", "Submitted from: "),
        ("until=2026-02-30", "Until: "),
        ("from=0001-01-01", "Choose a day of this century."),
        ("until=9999-12-31", "Choose a day of this century."),
        (f"q={'x' * 101}", "Please write at most 100 characters."),
    ],
)
def test_what_was_typed_wrongly_is_explained(client, token_request, query, said):
    page = client.get(f"/admin/requests?{query}")
    assert page.status_code == 400
    assert said in text_of(page)
    assert numbers(page) == []


@pytest.mark.parametrize(
    "query", ["status=nonsense", "status=$ne", "kind=x", "order=sideways", "before=x", "before=-1", "after=1.0"]
)
def test_a_malformed_address_is_refused(client, query):
    assert client.get(f"/admin/requests?{query}").status_code == 400


@pytest.mark.parametrize(("address", "kind"), [("token-requests", "quota"), ("beta-requests", "beta")])
def test_the_older_addresses_lead_to_the_list_of_their_kind(client, address, kind):
    response = client.get(f"/admin/{address}")
    assert (response.status_code, response.location) == (303, f"/admin/requests?kind={kind}")


# --- search -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def three(admin):
    ann = make_user("ann@example.com", name="Ann")
    ann.update(phone="+79991234567", phone_confirmed=True, external_id="u-17")
    review.approve(make_request(ann), by=actor_of(admin))
    make_request(ann)
    make_request()
    return ann


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%231", [1]),
        ("3", [3]),
        ("%20%23%203%20", [3]),
        ("%23999", []),
        ("999", []),
        ("ann@example.com", [2, 1]),
        ("ANN@Example.com", [2, 1]),
        ("%2B7%20999%20123-45-67", [2, 1]),
        ("79991234567", [2, 1]),
        ("u-17", [2, 1]),
        ("nobody@example.com", []),
        ("9223372036854775808", []),
        ("$ne", []),
        (".*", []),
        ("%7B%22$gt%22:%22%22%7D", []),
    ],
)
def test_a_search_finds_a_number_or_whose_requests_they_are(client, three, text, expected):
    assert listed(client, f"status=all&q={text}") == expected


def test_a_search_is_narrowed_by_the_filters(client, three):
    assert listed(client, f"status=all&q={three.id}") == [2, 1]
    assert listed(client, f"status=approved&q={three.id}") == [1]
    assert listed(client, "status=pending&q=%231") == []


def test_a_search_looks_at_every_status_and_keeps_the_other_choices(client):
    form = re.search(r'<form class="desk-find".*?</form>', client.get("/admin/requests?kind=beta").text, re.DOTALL)[0]
    assert '<input type="hidden" name="status" value="all">' in form
    assert '<input type="hidden" name="kind" value="beta">' in form


# --- pages ------------------------------------------------------------------------------------------------------------


def test_the_pages_lead_both_ways_and_keep_the_filters(client):
    for _ in range(103):
        make_request()
    for order, all_numbers in (("newest", list(range(103, 0, -1))), ("oldest", list(range(1, 104)))):
        pages = [client.get(f"/admin/requests?kind=quota&order={order}")]
        while address := link(pages[-1], "next"):
            pages.append(client.get(address))
        assert [numbers(page) for page in pages] == [all_numbers[:50], all_numbers[50:100], all_numbers[100:]]
        assert "kind=quota" in link(pages[0], "next")
        back = client.get(link(pages[2], "prev"))
        assert numbers(back) == all_numbers[50:100]
        assert numbers(client.get(link(back, "prev"))) == all_numbers[:50]
        assert link(pages[0], "prev") is None
        assert link(client.get(link(back, "prev")), "prev") is None
        assert "103 requests" in text_of(back)


def test_a_page_before_the_first_rows_is_the_first_page_in_full(client):
    for _ in range(60):
        make_request()
    assert listed(client, "after=55") == list(range(60, 10, -1))
    assert listed(client, "before=1") == []


def test_totals_beyond_what_is_counted_say_so(client, monkeypatch):
    for _ in range(3):
        make_request()
    monkeypatch.setattr(desk, "MOST_COUNTED", 3)
    text = text_of(client.get("/admin/requests"))
    assert "2+ requests wait for a decision." in text
    assert "2+ requests Keyboard" in text


# --- the next one -----------------------------------------------------------------------------------------------------


def test_review_next_takes_the_one_that_has_waited_longest_in_hand(client, admin, token_request):
    make_request()
    response = client.post("/admin/requests/next")
    assert (response.status_code, response.location) == (303, "/admin/requests/1")
    assert TokenRequest.objects.get(number=1).reservation["by"]["name"] == "Adam"
    assert client.post("/admin/requests/next").location == "/admin/requests/2"


def test_review_next_says_when_nothing_is_left(client, admin):
    make_request(admin)
    response = client.post("/admin/requests/next")
    assert (response.status_code, response.location) == (303, "/admin/requests")
    assert "Nothing is left to review" in client.get(response.location).text


# --- denied -----------------------------------------------------------------------------------------------------------


ADDRESSES = ["/admin/requests", "/admin/token-requests", "/admin/beta-requests"]


@pytest.mark.parametrize("roles", [(), ("support",)])
def test_who_may_not_review_sees_no_list_and_takes_nothing(app, token_request, roles):
    client = sign_in(app.test_client(), make_user(roles=roles))
    assert {client.get(address).status_code for address in ADDRESSES} == {403}
    assert client.post("/admin/requests/next").status_code == 403
    assert TokenRequest.objects.get(number=1).reservation is None


def test_a_stranger_is_led_to_the_sign_in_form(app, token_request):
    client = app.test_client()
    answers = [client.get(address) for address in ADDRESSES] + [client.post("/admin/requests/next")]
    assert {answer.status_code for answer in answers} == {303}
    assert all(answer.location.startswith("/sign-in") for answer in answers)


def test_taking_the_next_one_needs_a_post_with_the_forms_token(client, token_request):
    assert client.get("/admin/requests/next").status_code in (404, 405)
    assert client.post("/admin/requests/next", csrf=False).status_code == 400
    assert TokenRequest.objects.get(number=1).reservation is None
