"""What the owner of a request may do with it: change it, answer a question, withdraw it; and what owners never hear."""

from datetime import UTC, datetime

import pytest
import time_machine

from app.models.token_request import Status
from app.services import beta_requests, review, token_requests
from tests.factories import actor_of, make_request, make_user, sign_in
from tests.page_client import text_of
from tests.steps import BY_OWNER, request_in

NO_REQUESTS = ["0", "999", "999999999999", "9223372036854775808", "abc", "-1", "٣"]
# Each step with what its form sends.
STEPS = {"edit": {"reason": "Changed", "version": 1}, "answer": {"answer": "For a talk.", "version": 2}, "withdraw": {}}


@pytest.fixture
def user():
    return make_user()


@pytest.fixture
def client(client, user):
    return sign_in(client, user)


@pytest.fixture
def clock_hand():
    """Time stands, and a test may move it."""
    with time_machine.travel(datetime(2026, 3, 10, 12, tzinfo=UTC), tick=False) as traveller:
        yield traveller


@pytest.fixture
def rita():
    return actor_of(make_user("rita@example.com", name="Rita", roles=["reviewer"]))


def do(client, step, **data):
    return client.post(f"/requests/1/{step}", data={**STEPS[step], **data})


def current():
    return token_requests.by_number(1)


# --- changing it ------------------------------------------------------------------------------------------------------


def test_a_pending_request_can_be_changed(client, user):
    make_request(user, reason="For a talk")
    assert 'href="/requests/1/edit"' in client.get("/requests/1").text
    assert "For a talk</textarea>" in client.get("/requests/1/edit").text
    response = do(client, "edit", reason="  For two talks ")
    assert (response.status_code, response.location) == (303, "/requests/1")
    assert (current().reason, current().version) == ("For two talks", 2)
    assert "Request #1 is changed." in client.get(response.location).text


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501, "a\x07b", "\u200b"])
def test_unfit_words_are_explained_at_the_field_and_change_nothing(client, user, reason):
    make_request(user)
    response = do(client, "edit", reason=reason)
    assert response.status_code == 400
    assert 'aria-invalid="true"' in response.text
    assert current().version == 1


@pytest.mark.parametrize("version", ["", "x", "-1", "1" * 10, "1.0"])
def test_a_change_names_the_version_that_it_is_of(client, user, version):
    make_request(user)
    assert do(client, "edit", version=version).status_code == 400
    assert client.post("/requests/1/edit", data={"reason": "Changed"}).status_code == 400
    assert current().version == 1


def test_a_change_of_what_was_changed_in_another_tab_keeps_both_texts_and_can_be_repeated(client, user):
    make_request(user)
    do(client, "edit", reason="From this tab")
    response = do(client, "edit", reason="From that tab")
    assert response.status_code == 409
    assert "Request #1 was changed since you opened it, so nothing was saved." in response.text
    assert "From this tab" in response.text
    assert "From that tab</textarea>" in response.text
    assert 'name="version" value="2"' in response.text
    assert current().reason == "From this tab"
    assert do(client, "edit", reason="From that tab", version=2).status_code == 303
    assert current().reason == "From that tab"


def test_the_same_change_sent_twice_is_one(client, user):
    make_request(user)
    for _ in range(2):
        response = do(client, "edit")
        assert (response.status_code, response.location) == (303, "/requests/1")
    assert current().version == 2


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.PENDING}))
def test_what_is_decided_does_not_change_and_the_words_are_kept(client, user, rita, clock_hand, status):
    before = request_in(status, rita, clock_hand, user)
    sign_in(client, user)
    assert 'href="/requests/1/edit"' not in client.get("/requests/1").text
    assert client.get("/requests/1/edit").location == "/requests/1"
    response = do(client, "edit", reason="Too late")
    assert response.status_code == 409
    assert "so nothing was saved" in response.text
    assert "Too late" in response.text
    assert current() == before
    assert current().reason == before.reason


def test_a_kind_without_words_has_nothing_to_change(client, user):
    beta_requests.submit(user, by=actor_of(user))
    assert "/requests/1/edit" not in client.get("/requests/1").text
    assert client.get("/requests/1/edit").status_code == 404
    assert do(client, "edit").status_code == 404


# --- answering --------------------------------------------------------------------------------------------------------


def test_a_question_stands_above_all_and_its_answer_brings_the_request_back(client, user, rita):
    review.ask(make_request(user), by=rita, question="Why so <much>?")
    page = client.get("/requests/1")
    assert "There is a question about your request" in page.text
    assert "Why so &lt;much&gt;?" in page.text
    response = do(client, "answer", answer="Because of\r\nthe talk.")
    assert (response.status_code, response.location) == (303, "/requests/1")
    assert (current().status, current().history[-1]["note"]) == ("pending", "Because of\nthe talk.")
    text = text_of(client.get("/requests/1"))
    assert "Your answer was sent." in text
    assert "Request #1 is being reviewed." in text
    assert "Because of the talk." in text


@pytest.mark.parametrize("answer", ["", "  ", "x" * 5_001, "a\x07b", "\u200b"])
def test_an_unfit_answer_is_explained_at_the_field(client, user, rita, answer):
    review.ask(make_request(user), by=rita, question="What for?")
    response = do(client, "answer", answer=answer)
    assert response.status_code == 400
    assert 'aria-invalid="true"' in response.text
    assert "What for?" in response.text
    assert current().status == Status.NEEDS_INFO


def test_the_same_answer_sent_twice_is_one(client, user, rita):
    review.ask(make_request(user), by=rita, question="What for?")
    for _ in range(2):
        assert do(client, "answer").status_code == 303
    assert len(current().history) == 3


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.NEEDS_INFO}))
def test_where_nothing_is_asked_an_answer_changes_nothing_and_is_kept(client, user, rita, clock_hand, status):
    request_in(status, rita, clock_hand, user)
    sign_in(client, user)
    response = do(client, "answer", answer="Too late")
    assert response.status_code == 409
    assert "Too late" in response.text
    assert current().status == status


# --- withdrawing ------------------------------------------------------------------------------------------------------


def test_a_pending_request_can_be_withdrawn(client, user):
    make_request(user)
    assert "Withdraw request #1" in client.get("/requests/1").text
    response = do(client, "withdraw")
    assert (response.status_code, response.location) == (303, "/requests/1")
    page = client.get(response.location)
    assert "Request #1 is withdrawn." in page.text
    assert "You have withdrawn this request." in page.text
    assert current().status == Status.WITHDRAWN


def test_only_a_kind_with_a_limit_a_day_says_that_it_still_counts(client, user):
    make_request(user)
    beta_requests.submit(user, by=actor_of(user))
    counts = "It still counts as one of the requests of its day."
    assert counts in text_of(client.get("/requests/1"))
    assert counts not in text_of(client.get("/requests/2"))


def test_a_decided_request_stays_decided(client, user, rita):
    review.approve(make_request(user), by=rita)
    page = client.get(do(client, "withdraw").location)
    assert "Request #1 cannot be withdrawn any more." in page.text
    assert current().status == Status.APPROVED


# --- what owners never hear -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", sorted(Status))
def test_no_page_and_no_refusal_names_a_reviewer_or_spam(client, user, rita, clock_hand, status):
    request_in(status, rita, clock_hand, user)
    sign_in(client, user)
    pages = [client.get(path) for path in ("/requests", "/requests/1", "/requests/new", "/account", "/notifications")]
    if status not in BY_OWNER:
        pages += [do(client, step) for step in STEPS]
        pages.append(client.get("/requests/1"))
    for page in pages:
        assert "Rita" not in page.text
        assert "spam" not in page.text.lower()


def test_every_end_is_told_in_words(client, user, rita, clock_hand):
    said = {
        "approved": "Approved: your allowance was renewed.",
        "rejected": "This request was not approved.",
        "spam": "This request was not approved.",
        "revoked": "The approval was taken back.",
        "withdrawn": "You have withdrawn this request.",
        "expired": "This request has expired",
    }
    for number, (status, words) in enumerate(said.items(), start=1):
        owner = make_user()
        request_in(status, rita, clock_hand, owner)
        assert words in text_of(sign_in(client, owner).get(f"/requests/{number}")), status


# --- denied -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", STEPS)
def test_what_is_no_request_is_not_found(client, step):
    for number in NO_REQUESTS:
        assert client.post(f"/requests/{number}/{step}", data=STEPS[step]).status_code == 404


@pytest.mark.parametrize("step", STEPS)
def test_somebody_elses_request_is_not_found(client, step):
    make_request()
    assert do(client, step).status_code == 404
    assert (current().status, current().version) == (Status.PENDING, 1)


@pytest.mark.parametrize("step", STEPS)
def test_a_step_needs_the_forms_token_and_to_be_signed_in(app, client, user, step):
    make_request(user)
    assert client.post(f"/requests/1/{step}", data=STEPS[step], csrf=False).status_code == 400
    assert app.test_client().post(f"/requests/1/{step}", data=STEPS[step]).status_code == 303
    assert (current().status, current().version) == (Status.PENDING, 1)


@pytest.mark.parametrize("step", ["answer", "withdraw"])
def test_a_step_is_a_post(client, user, step):
    make_request(user)
    assert client.get(f"/requests/1/{step}").status_code == 405
