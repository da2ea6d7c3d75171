"""What a reviewer does with a request: each step with its rules, and pages that are out of date."""

import re
from datetime import UTC, datetime

import pytest

from app.models.token_request import Status, TokenRequest
from app.services import beta_requests, canned_responses, notifications, quota_requests, review, token_accounts
from app.services import token_requests as requests
from app.services.users import get
from tests.factories import actor_of, make_admin, make_request, make_user, sign_in
from tests.page_client import text_of

# The words of each step, and the field that they are sent in.
WORDS = {
    "approve": ("response", "Good luck!"),
    "reject": ("response", "Please wait for Monday."),
    "ask": ("response", "What is the talk about?"),
    "spam": ("response", ""),
    "reopen": ("note", "Another look."),
    "revoke": ("reason", "A mistake."),
}
ON_OPEN = ["approve", "reject", "ask", "spam"]
LEADS_TO = {
    "approve": "approved",
    "reject": "rejected",
    "ask": "needs_info",
    "spam": "spam",
    "reopen": "pending",
    "revoke": "revoked",
}


@pytest.fixture
def admin():
    return make_admin("adam@example.com", name="Adam")


@pytest.fixture
def eve():
    return actor_of(make_admin(name="Eve"))


@pytest.fixture
def client(client, admin):
    return sign_in(client, admin)


@pytest.fixture
def token_request():
    return make_request(make_user("ann@example.com", name="Ann"), used=100_000, reason="For a talk")


def make_beta(user=None):
    user = user or make_user()
    return beta_requests.submit(user, by=actor_of(user))


def take(client, step, number=1, version="1", words=None, csrf=True, **fields):
    field, usual = WORDS[step]
    data = {"version": version, field: usual if words is None else words, **fields}
    return client.post(f"/admin/requests/{number}/{step}", data=data, csrf=csrf)


def ready_for(step, token_request, by):
    """The request where the step can be taken, and the version that it then has."""
    if step == "reopen":
        token_request = review.reject(token_request, by=by, response="No.")
    if step == "revoke":
        token_request = review.approve(token_request, by=by)
    return str(token_request.version)


def status(number=1):
    return requests.by_number(number).status


# --- each step works --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", WORDS)
def test_a_step_is_taken_and_leads_back_to_the_request(client, token_request, eve, step):
    version = ready_for(step, token_request, eve)
    response = take(client, step, version=version)
    assert (response.status_code, response.location) == (303, "/admin/requests/1")
    assert "Request #1" in client.get(response.location).text
    found = requests.by_number(1)
    assert (found.status, found.history[-1]["by"]["name"]) == (LEADS_TO[step], "Adam")


def test_approval_renews_the_allowance_and_tells_the_user(client, token_request):
    version = re.search(r'name="version" value="(\d+)"', client.get("/admin/requests/1").text)[1]
    response = take(client, "approve", version=version)
    assert "Request #1 is approved." in client.get(response.location).text
    assert token_accounts.view(token_request.user).used == 0
    assert notifications.page(token_request.user)[0]["values"] == {"number": 1, "response": "Good luck!"}


def test_rejection_changes_nothing_but_the_request_and_says_why(client, token_request):
    assert take(client, "reject", words="Bitte wartet 🙂\r\n<b>").status_code == 303
    assert requests.by_number(1).decision["response"] == "Bitte wartet 🙂\n<b>"
    assert token_accounts.view(token_request.user).used == 100_000


def test_a_question_waits_for_its_answer(client, token_request):
    take(client, "ask")
    assert requests.by_number(1).history[-1]["note"] == "What is the talk about?"
    assert notifications.page(token_request.user)[0]["values"]["question"] == "What is the talk about?"


def test_spam_tells_the_user_nothing_of_what_was_written(client, token_request):
    take(client, "spam", words="Get lost.")
    assert "Get lost." not in str(notifications.page(token_request.user)[0]["values"])


def test_reopening_keeps_its_words_as_an_internal_note(client, token_request, eve):
    take(client, "reopen", version=ready_for("reopen", token_request, eve))
    (note,) = requests.by_number(1).notes
    assert (note["by"]["name"], note["text"]) == ("Adam", "Another look.")


def test_revoking_takes_back_and_tells_why(client, token_request, eve):
    take(client, "revoke", version=ready_for("revoke", token_request, eve))
    assert token_accounts.view(token_request.user).used == 100_000
    assert notifications.page(token_request.user)[0]["values"]["response"] == "A mistake."


def test_a_note_is_kept_and_decides_nothing(client, token_request):
    response = client.post("/admin/requests/1/note", data={"text": "Seen before."})
    assert (response.status_code, response.location) == (303, "/admin/requests/1")
    found = requests.by_number(1)
    assert (found.status, found.version, found.notes[0]["text"]) == ("pending", 1, "Seen before.")


@pytest.mark.parametrize("step", ON_OPEN)
def test_the_same_decision_twice_is_one(client, token_request, step):
    assert take(client, step).status_code == 303
    assert take(client, step).status_code == 303
    assert len(requests.by_number(1).history) == 2


def test_what_failed_is_tried_again(client, token_request, eve):
    item = {"key": "k", "verb": "nonsense", "arguments": {}, "at": datetime.now(UTC), "failed": "It broke."}
    TokenRequest.objects.update(due=[item])
    response = client.post("/admin/requests/1/retry")
    assert response.status_code == 303
    assert "Not everything could be done." in client.get(response.location).text
    audited = {"action": "request.note", "actor": eve.trail(), "object": {"kind": "request", "id": "1", "number": 1}}
    TokenRequest.objects.update(due=[{**item, "verb": "audit", "arguments": audited}])
    assert "is done now" in client.get(client.post("/admin/requests/1/retry").location).text
    assert requests.by_number(1).due == []


# --- how many tokens --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("granted", "given"), [(None, 100), ("", 100), ("1", 1), (" 250 ", 250), ("10000", 10_000)])
def test_the_reviewer_chooses_how_many_tokens(client, granted, given):
    token_request = make_beta()
    fields = {} if granted is None else {"granted": granted}
    assert take(client, "approve", **fields).status_code == 303
    assert requests.by_number(1).granted == given
    assert token_accounts.view(token_request.user).balance == 150_000 + given


@pytest.mark.parametrize("granted", ["0", "10001", "-1", "1.5", "1e3", "1_000", "1,000", "١٠٠", "ten", "9" * 30])
def test_an_amount_that_is_none_is_explained(client, granted):
    make_beta()
    response = take(client, "approve", granted=granted)
    assert response.status_code == 400
    assert "Enter a whole number from 1 to 10,000." in response.text
    assert "Good luck!" in response.text
    assert status() == Status.PENDING


def test_an_amount_for_a_kind_that_takes_none_changes_nothing(client, token_request):
    assert take(client, "approve", granted="5000").status_code == 303
    assert requests.by_number(1).granted is None


# --- words ------------------------------------------------------------------------------------------------------------


def test_a_kind_that_needs_no_response_is_rejected_without_one(client):
    make_beta()
    assert take(client, "reject", words="").status_code == 303
    assert status() == Status.REJECTED


@pytest.mark.parametrize("step", ["approve", "spam"])
def test_some_decisions_need_no_words(client, token_request, step):
    assert take(client, step, words="").status_code == 303


@pytest.mark.parametrize("step", ["reject", "ask", "reopen", "revoke"])
@pytest.mark.parametrize("words", ["", " \r\n ", "\u200b"])
def test_others_are_nothing_without_them(client, token_request, eve, step, words):
    version = ready_for(step, token_request, eve)
    before = status()
    response = take(client, step, version=version, words=words)
    assert response.status_code == 400
    assert "Please write something here." in response.text or "Please check what you entered." in response.text
    assert status() == before


@pytest.mark.parametrize("step", WORDS)
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("x" * 5_001, "Please write at most "),
        ("a\x1bb", "Please remove the characters that are not text."),
        ("a\0b", "NUL"),
    ],
)
def test_unfit_words_are_explained_and_nothing_is_decided(client, token_request, eve, step, words, said):
    version = ready_for(step, token_request, eve)
    before = status()
    response = take(client, step, version=version, words=words)
    assert response.status_code == 400
    assert said in response.text
    assert status() == before


@pytest.mark.parametrize("text", ["", " ", "x" * 5_001, "a\x1bb"])
def test_an_unfit_note_is_explained_and_not_kept(client, token_request, text):
    assert client.post("/admin/requests/1/note", data={"text": text}).status_code == 400
    assert requests.by_number(1).notes == []


# --- canned responses -------------------------------------------------------------------------------------------------


@pytest.fixture
def canned(admin):
    return canned_responses.create(title="Wait", text="Please wait.", kinds=["quota"], by=actor_of(admin))


@pytest.mark.parametrize(("words", "said"), [("", "Please wait."), ("  \r\n", "Please wait."), ("No.", "No.")])
@pytest.mark.parametrize("step", ["approve", "reject", "ask"])
def test_a_canned_response_stands_in_for_words_that_are_not_written(client, token_request, canned, step, words, said):
    assert take(client, step, words=words, canned=str(canned.id)).status_code == 303
    assert requests.by_number(1).history[-1]["note"] == said


@pytest.mark.parametrize("choice", ["f" * 24, "nonsense", "$ne"])
def test_a_canned_response_that_is_not_offered_is_refused(client, token_request, canned, choice):
    assert take(client, "reject", words="", canned=choice).status_code == 400
    assert status() == Status.PENDING


def test_a_canned_response_of_another_kind_is_refused(client, canned):
    make_beta()
    assert take(client, "approve", words="", canned=str(canned.id)).status_code == 400
    assert status() == Status.PENDING


# --- the way on -------------------------------------------------------------------------------------------------------


def test_a_decision_opens_the_next_request_where_the_reviewer_wants_it_and_remembers_that(client, token_request):
    make_request()
    assert 'name="open_next"' in client.get("/admin/requests/1").text
    assert take(client, "approve", open_next="y").location == "/admin/requests/2"
    page = client.get("/admin/requests/2")
    assert "Request #1 is approved." in page.text
    assert re.search(r'<input[^>]*checked[^>]*name="open_next"|<input[^>]*name="open_next"[^>]*checked', page.text)
    assert requests.by_number(2).reservation["by"]["name"] == "Adam"
    last = take(client, "approve", 2, open_next="y")
    assert last.location == "/admin/requests"
    assert "Nothing is left to review" in client.get(last.location).text


def test_a_decision_that_is_refused_opens_nothing(client, token_request):
    make_request()
    assert take(client, "reject", words="", open_next="y").status_code == 400
    assert requests.by_number(2).reservation is None


# --- pages that are out of date ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", WORDS)
@pytest.mark.parametrize("version", ["", "x", "-1", "1.0", "١", "9" * 10, "1 "])
def test_a_page_without_a_proper_version_decides_nothing(client, token_request, eve, step, version):
    ready_for(step, token_request, eve)
    before = status()
    assert take(client, step, version=version).status_code == 400
    assert status() == before


@pytest.mark.parametrize("step", ON_OPEN)
def test_a_page_from_before_an_edit_decides_nothing_says_so_and_keeps_the_words(client, token_request, step):
    quota_requests.edit(token_request, reason="For two talks", version=1)
    response = take(client, step, steps="1")
    assert response.status_code == 409
    assert "has changed since you opened it" in response.text
    assert "The user has changed the request meanwhile." in response.text
    assert "For two talks" in response.text
    assert WORDS[step][1] in response.text
    assert 'name="version" value="2"' in response.text
    assert status() == Status.PENDING
    assert take(client, step, version="2").status_code == 303


def test_a_page_from_before_a_question_and_its_answer_shows_both(client, token_request, eve):
    asked = review.ask(token_request, by=eve, question="Which talk?")
    review.answer(asked, by=actor_of(get(token_request.user)), answer="The one on frogs.")
    response = take(client, "approve", steps="1")
    text = text_of(response)
    assert response.status_code == 409
    assert "Question asked by Eve," in text
    assert "“The one on frogs.”" in text
    assert "The user has changed the request meanwhile." not in text
    assert status() == Status.PENDING


@pytest.mark.parametrize("step", ["approve", "ask"])
def test_what_somebody_else_decided_stays_decided_and_the_words_are_kept(client, token_request, eve, step):
    review.reject(token_request, by=eve, response="No.")
    response = take(client, step, steps="1")
    text = text_of(response)
    assert response.status_code == 409
    assert "Request #1 is already rejected, by Eve on " in text
    assert f"so that it is not lost: {WORDS[step][1]}" in text
    assert requests.by_number(1).decision["by"]["name"] == "Eve"


def test_nothing_is_reopened_while_the_user_has_another_open_one(client, token_request, eve):
    version = ready_for("reopen", token_request, eve)
    make_request(get(token_request.user))
    response = take(client, "reopen", version=version)
    assert response.status_code == 409
    assert " has taken its place." in response.text
    assert "Another look." in response.text
    assert status() == Status.REJECTED


def test_nothing_is_revoked_before_what_the_approval_brings_is_done(client, token_request, eve):
    version = ready_for("revoke", token_request, eve)
    item = {"key": "k", "verb": "nonsense", "arguments": {}, "at": datetime.now(UTC), "failed": "It broke."}
    TokenRequest.objects.update(due=[item])
    response = take(client, "revoke", version=version)
    assert response.status_code == 409
    assert "A mistake." in response.text
    assert status() == Status.APPROVED


# --- refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", WORDS)
def test_nobody_decides_their_own_request(client, admin, eve, step):
    version = ready_for(step, make_request(admin), eve)
    before = status()
    response = take(client, step, version=version)
    assert response.status_code == 403
    assert "You cannot decide your own request." in response.text
    assert status() == before


@pytest.mark.parametrize("step", [*WORDS, "note", "retry", "release"])
def test_deciding_needs_the_forms_token_and_a_post(client, token_request, step):
    before = TokenRequest.objects.get(number=1).to_mongo()
    assert client.post(f"/admin/requests/1/{step}", data={"version": "1"}, csrf=False).status_code == 400
    assert client.get(f"/admin/requests/1/{step}").status_code == 405
    assert TokenRequest.objects.get(number=1).to_mongo() == before
