"""One request before a reviewer: what the page shows, and what it offers to whom."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from app.models.token_request import Status, TokenRequest
from app.services import beta_requests, canned_responses, reservations, review, token_accounts
from app.services.users import get
from tests.factories import OPERATOR, actor_of, make_admin, make_request, make_user, sign_in
from tests.page_client import text_of
from tests.routes.test_requests import NO_REQUESTS
from tests.steps import BY_REVIEWER, make_rita, request_in

ACTIONS = {
    "approve": "approve",
    "reject": "reject",
    "mark_spam": "spam",
    "ask": "ask",
    "reopen": "reopen",
    "revoke": "revoke",
}
ALL_FORMS = [*ACTIONS.values(), "note", "retry", "release"]


@pytest.fixture
def admin():
    return make_admin("adam@example.com", name="Adam")


@pytest.fixture
def client(client, admin):
    return sign_in(client, admin)


@pytest.fixture
def token_request():
    return make_request(make_user("ann@example.com", name="Ann"), used=100_000, reason="For a talk")


def bring(status, owner=None):
    """A request that has come to `status`, by the hands of others; the page is opened at the time that it really is."""
    with time_machine.travel(datetime.now(UTC), tick=False) as hand:
        return request_in(status, make_rita(), hand, owner)


def make_beta(user=None):
    user = user or make_user()
    return beta_requests.submit(user, by=actor_of(user))


def offered(page):
    """The decisions that the page has a button for."""
    return {action for action in ACTIONS.values() if f'action="/admin/requests/1/{action}"' in page.text}


def test_the_page_shows_all_that_a_decision_needs(client, admin, token_request):
    review.reject(token_request, by=actor_of(admin), response="Not yet.")
    make_request(get(token_request.user), reason="Once more")
    text = text_of(client.get("/admin/requests/2"))
    for fact in ("Ann", "ann@example.com", "Once more", "100,000 tokens in 1 call", "Tier: FREE (100K/week)", "100%"):
        assert fact in text
    assert "Other requests of this user #1 More tokens," in text
    assert "Rejected Adam: Not yet." in text
    assert f'href="/admin/requests?user={token_request.user}&amp;status=all"' in client.get("/admin/requests/2").text


@pytest.mark.parametrize("status", [str(status) for status in Status])
def test_it_offers_what_the_table_of_steps_allows(client, status):
    bring(status)
    page = client.get("/admin/requests/1")
    assert offered(page) == {ACTIONS[step] for step in BY_REVIEWER[status]}
    assert 'action="/admin/requests/1/note"' in page.text


@pytest.mark.parametrize("status", [str(status) for status in Status])
def test_ones_own_request_offers_nothing_and_says_why(client, admin, status):
    bring(status, admin)
    page = client.get("/admin/requests/1")
    assert offered(page) == set()
    assert "This is your own request. Somebody else has to decide it." in page.text


def test_a_question_is_shown_with_who_asked(client, admin, token_request):
    review.ask(token_request, by=actor_of(admin), question="What for?")
    assert "Question asked Adam · " in text_of(client.get("/admin/requests/1"))
    assert "What for?" in client.get("/admin/requests/1").text


def test_a_decided_request_says_who_decided_and_in_which_words(client, token_request):
    review.approve(token_request, by=actor_of(make_admin(name="Eve")), response="Of course.")
    page = client.get("/admin/requests/1")
    assert "Approved by Eve" in text_of(page)
    assert "Of course." in page.text


def test_what_could_not_be_done_is_shown_with_a_way_to_try_again(client, token_request):
    item = {"key": "k", "verb": "account.reset", "arguments": {}, "at": datetime.now(UTC), "failed": "Too large."}
    TokenRequest.objects.update(due=[item])
    page = client.get("/admin/requests/1")
    assert "account.reset: Too large." in text_of(page)
    assert 'action="/admin/requests/1/retry"' in page.text


def test_a_deleted_users_request_can_still_be_read(client, token_request):
    TokenRequest.objects.update(user=token_request.id)
    page = client.get("/admin/requests/1")
    assert "A deleted user" in page.text
    assert offered(page) == set()


def test_notes_are_shown_with_who_wrote_them(client, admin, token_request):
    review.add_note(token_request, by=actor_of(admin), text="<b>Seen before</b>")
    page = client.get("/admin/requests/1")
    assert "Adam · " in text_of(page)
    assert "&lt;b&gt;Seen before&lt;/b&gt;" in page.text


# --- the choice of how many tokens ------------------------------------------------------------------------------------


def test_only_kinds_that_give_a_chosen_amount_ask_for_it(client, token_request):
    make_beta()
    assert 'name="granted"' not in client.get("/admin/requests/1").text
    page = client.get("/admin/requests/2")
    assert 'name="granted"' in page.text
    assert 'placeholder="100"' in page.text


# --- what would go back -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spent", "said"),
    [
        (0, "Up to 100 of 100 tokens go back"),
        (150_060, "Up to 40 of 100 tokens go back: what is left of what the approval gave. 60 cannot be taken back"),
        (150_100, "Up to 0 of 100 tokens go back: what is left of what the approval gave. 100 cannot be taken back"),
    ],
)
def test_a_revocation_says_before_what_would_go_back_and_after_what_went(client, admin, spent, said):
    user = make_user()
    review.approve(make_beta(user), by=actor_of(admin))
    if spent:
        token_accounts.spend(user.id, spent, by=OPERATOR)
    before = TokenRequest.objects.get(number=1)
    assert said in text_of(client.get("/admin/requests/1"))
    assert TokenRequest.objects.get(number=1).version == before.version
    review.revoke(before, by=actor_of(admin), reason="A mistake.")
    taken = min(100, max(0, 150_100 - spent))
    text = text_of(client.get("/admin/requests/1"))
    assert f"Taken back: {taken} of 100 tokens." in text
    assert (f"{100 - taken} could not be taken back" in text) == (taken < 100)


def test_what_a_reset_gave_back_is_reckoned_the_same_way(client, admin, token_request):
    review.approve(token_request, by=actor_of(admin))
    token_accounts.spend(token_request.user, 30_000, by=OPERATOR)
    assert "Up to 70,000 of 100,000 tokens go back" in text_of(client.get("/admin/requests/1"))


# --- whose hands it is in ---------------------------------------------------------------------------------------------


def test_a_reservation_of_somebody_else_is_shown_and_forbids_nothing(client, token_request):
    reservations.next_for(actor_of(make_admin(name="Eve")))
    page = client.get("/admin/requests/1")
    assert "Eve has this request in hand" in text_of(page)
    assert "You can decide it all the same." in page.text
    assert offered(page) == {"approve", "reject", "spam", "ask"}
    assert 'action="/admin/requests/1/release"' not in page.text


def test_ones_own_reservation_can_be_given_back(client, token_request):
    client.post("/admin/requests/next")
    assert "You have this request in hand" in text_of(client.get("/admin/requests/1"))
    assert client.post("/admin/requests/1/release").location == "/admin/requests"
    assert TokenRequest.objects.get(number=1).reservation is None


def test_nobody_gives_back_what_others_have_in_hand(client, token_request):
    reservations.next_for(actor_of(make_admin(name="Eve")))
    assert client.post("/admin/requests/1/release").status_code == 303
    assert TokenRequest.objects.get(number=1).reservation["by"]["name"] == "Eve"


def test_a_reservation_that_has_ended_is_not_shown(client, token_request):
    reservations.next_for(actor_of(make_admin(name="Eve")))
    TokenRequest.objects.update(set__reservation__until=datetime.now(UTC) - timedelta(seconds=1))
    assert "in hand" not in client.get("/admin/requests/1").text


# --- canned responses and the way on ----------------------------------------------------------------------------------


def test_the_canned_responses_of_the_kind_are_offered(client, admin, token_request):
    for title, kinds in (("For all", []), ("For tokens", ["quota"]), ("For beta", ["beta"])):
        canned_responses.create(title=title, text=f"{title}: wait.", kinds=kinds, by=actor_of(admin))
    page = client.get("/admin/requests/1")
    assert 'data-text="For all: wait."' in page.text
    assert 'data-text="For tokens: wait."' in page.text
    assert "For beta" not in page.text


def test_the_page_leads_to_the_pending_ones_beside_it(client, admin):
    for _ in range(4):
        make_request()
    review.approve(TokenRequest.objects.get(number=2), by=actor_of(admin))
    page = client.get("/admin/requests/3")
    assert 'href="/admin/requests/1" data-key="j"' in page.text
    assert 'href="/admin/requests/4" data-key="k"' in page.text
    assert "data-key=" + '"k"' not in client.get("/admin/requests/4").text


# --- not found and denied ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", NO_REQUESTS)
def test_what_is_no_request_is_not_found(client, number):
    assert client.get(f"/admin/requests/{number}").status_code == 404
    for form in ALL_FORMS:
        data = {"version": "1", "response": "No.", "note": "No.", "reason": "No.", "text": "No."}
        assert client.post(f"/admin/requests/{number}/{form}", data=data).status_code == 404


@pytest.mark.parametrize("roles", [(), ("support",)])
def test_who_may_not_review_sees_and_does_nothing(app, token_request, roles):
    client = sign_in(app.test_client(), make_user(roles=roles))
    before = TokenRequest.objects.get(number=1).to_mongo()
    assert client.get("/admin/requests/1").status_code == 403
    for form in ALL_FORMS:
        assert client.post(f"/admin/requests/1/{form}", data={"version": "1", "text": "No."}).status_code == 403
    assert TokenRequest.objects.get(number=1).to_mongo() == before


def test_a_stranger_is_led_to_the_sign_in_form(app, token_request):
    client = app.test_client()
    assert client.get("/admin/requests/1").status_code == 303
    for form in ALL_FORMS:
        assert client.post(f"/admin/requests/1/{form}", data={"version": "1"}).location.startswith("/sign-in")
    assert TokenRequest.objects.get(number=1).status == Status.PENDING
