"""A user's own requests: the list, asking, and what one of them shows."""

import pytest
from bson import ObjectId

from app.models.actor import Actor
from app.models.token_request import TokenRequest
from app.services import beta_requests, queue, quota_requests, review, token_accounts
from tests.factories import OPERATOR, actor_of, make_admin, make_request, make_user, sign_in
from tests.page_client import text_of

# What the database cannot look for, what no request has, and what is no number.
NO_REQUESTS = ["0", "999", "999999999999", "9223372036854775808", "1" * 40, "abc", "-1", "1.0", "٣"]


@pytest.fixture
def user():
    return make_user()


@pytest.fixture
def client(client, user):
    return sign_in(client, user)


def run_out(user):
    token_accounts.spend(user.id, token_accounts.view(user.id).available - 10, by=OPERATOR)


def ask(client, reason="I ran out.", **options):
    return client.post("/requests/new?kind=quota", data={"reason": reason}, **options)


def join(user):
    return beta_requests.submit(user, by=actor_of(user))


# --- the list ---------------------------------------------------------------------------------------------------------


def test_the_list_shows_the_users_own_requests_newest_first(client, user):
    first = make_request(user, reason="The first one")
    review.reject(first, by=actor_of(make_admin()), response="No.")
    make_request(user, reason="The second one")
    make_request(reason="Somebody else's")
    text = text_of(client.get("/requests"))
    assert text.index("The second one") < text.index("The first one")
    assert "Somebody else" not in text
    assert "Request #2 is being reviewed" in text


def test_the_list_says_what_to_do_while_it_is_empty(client):
    assert "No requests yet" in client.get("/requests").text


def test_only_who_is_out_of_tokens_is_invited_to_ask(client, user):
    assert "Request more tokens" not in client.get("/requests").text
    run_out(user)
    assert "Request more tokens" in client.get("/requests").text
    make_request(user)
    assert "Request more tokens" not in client.get("/requests").text


def test_everybody_is_invited_to_the_beta_program_until_they_have_asked(client, user):
    assert "Join the beta program" in client.get("/requests").text
    token_request = join(user)
    page = client.get("/requests")
    assert "Join the beta program" not in page.text
    assert "Request #1 is being reviewed" in page.text
    review.approve(token_request, by=actor_of(make_admin()))
    text = text_of(client.get("/requests"))
    assert "Join the beta program" not in text
    assert "being reviewed" not in text
    assert "before, and one is all" not in text


def test_a_question_is_told_above_the_list(client, user):
    review.ask(make_request(user), by=actor_of(make_admin()), question="What for?")
    page = client.get("/requests")
    assert "Request #1 waits for your answer to a question." in page.text
    assert "Question asked" in page.text


def test_the_list_shows_one_kind_where_that_is_asked_for(client, user):
    make_request(user, reason="For a talk")
    join(user)
    text = text_of(client.get("/requests"))
    assert "For a talk" in text
    assert user.email in text.split("Your requests")[1]
    shown = text_of(client.get("/requests?kind=quota")).split("Your requests")[1]
    assert "For a talk" in shown
    assert user.email not in shown


def test_a_kind_that_the_user_never_asked_for_is_empty(client, user):
    make_request(user)
    assert "None of this kind" in client.get("/requests?kind=beta").text


@pytest.mark.parametrize(
    "query", ["kind=nonsense", "kind[$ne]=quota&kind=$ne", "before=x", "before=-1", "before=%D9%A3"]
)
def test_what_the_list_does_not_know_is_refused(client, query):
    assert client.get(f"/requests?{query}").status_code == 400


def test_a_long_list_has_pages(client, user):
    for n in range(51):
        review.mark_spam(make_request(user, reason=f"Word{n:02}."), by=OPERATOR)
        TokenRequest.objects.update(unset__day_key=True)
    first = client.get("/requests?kind=quota")
    assert "Word50." in first.text
    assert "Word00." not in first.text
    last = client.get("/requests?kind=quota&before=2")
    assert "/requests?kind=quota&amp;before=2" in first.text
    assert "Word00." in last.text
    assert "Word01." not in last.text
    assert "Older" not in last.text


def test_spam_is_called_rejected_to_its_sender(client, user):
    token_request = make_request(user)
    review.mark_spam(token_request, by=actor_of(make_admin()))
    for path in ("/requests", f"/requests/{token_request.number}"):
        text = text_of(client.get(path))
        assert "Spam" not in text
        assert "Rejected" in text


# --- asking -----------------------------------------------------------------------------------------------------------


def test_a_reason_becomes_a_request(client, user):
    assert "What do you need the tokens for?" in client.get("/requests/new?kind=quota").text
    response = ask(client, "  Für die Präsentation 🙂\r\n<b>dringend</b> $set {{ 7 * 7 }}  ")
    assert (response.status_code, response.location) == (303, "/requests/1")
    assert TokenRequest.objects.get().reason == "Für die Präsentation 🙂\n<b>dringend</b> $set {{ 7 * 7 }}"
    page = client.get("/requests/1")
    assert "Your request #1 was sent." in text_of(page)
    assert "&lt;b&gt;dringend&lt;/b&gt; $set {{ 7 * 7 }}" in page.text


def test_a_line_end_counts_as_one_character_as_it_does_in_the_browser(client):
    assert ask(client, "x\r\n" * 249 + "yz").status_code == 303
    assert len(TokenRequest.objects.get().reason) == 500


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("", "Please write something here."),
        (" \r\n\t ", "Please write something here."),
        ("x" * 501, "Please write at most 500 characters."),
        ("a\x07b", "Please remove the characters that are not text."),
    ],
)
def test_an_unfit_reason_is_explained_at_the_field_and_kept(client, reason, said):
    response = ask(client, reason)
    assert response.status_code == 400
    assert said in response.text
    assert 'aria-describedby="reason-help reason-errors"' in response.text
    assert TokenRequest.objects.count() == 0
    if len(reason) > 500:
        assert reason in response.text


def test_a_nul_and_a_missing_field_are_refused(client):
    assert ask(client, "a\0b").status_code == 400
    assert client.post("/requests/new").status_code == 400
    assert TokenRequest.objects.count() == 0


def test_a_form_without_its_token_is_refused(client):
    assert ask(client, csrf=False).status_code == 400
    assert TokenRequest.objects.count() == 0


def test_a_second_request_is_refused_with_the_reason_kept(client, user):
    make_request(user)
    page = client.get("/requests/new")
    assert "Request #1 is being reviewed" in page.text
    assert "<textarea" not in page.text
    response = ask(client, "Still waiting")
    assert response.status_code == 400
    assert "You already have a pending token request" in response.text
    assert "Still waiting" in response.text
    assert TokenRequest.objects.count() == 1


def test_a_fourth_request_on_one_day_is_refused(client, user):
    for _ in range(3):
        review.withdraw(make_request(user), by=actor_of(user))
    assert "You sent 3 of 3 requests today." in client.get("/requests/new").text
    assert ask(client).status_code == 429
    assert TokenRequest.objects.count() == 3


def test_who_has_no_allowance_cannot_ask_for_it(app):
    client = sign_in(app.test_client(), make_user(tier="prepaid"))
    assert "no allowance that could be reset" in client.get("/requests/new").text
    assert ask(client).status_code == 409
    assert TokenRequest.objects.count() == 0


@pytest.mark.parametrize("kind", ["nonsense", "$ne", "quota,beta", "../quota"])
def test_an_unknown_kind_is_refused(client, kind):
    assert client.get(f"/requests/new?kind={kind}").status_code == 400
    assert client.post(f"/requests/new?kind={kind}", data={"reason": "x"}).status_code == 400


def test_without_a_kind_there_is_the_choice(client, user):
    make_request(user)
    text = text_of(client.get("/requests/new"))
    assert "Request more tokens" in text
    assert "Join the beta program" in text
    assert "Request #1 is being reviewed" in text


def test_the_same_request_sent_twice_is_shown_the_second_time(client):
    ask(client, "For a talk")
    response = ask(client, "  For a talk\r\n")
    assert (response.status_code, response.location) == (303, "/requests/1")
    assert "You have sent this already, as request #1." in client.get(response.location).text
    assert TokenRequest.objects.count() == 1


def test_what_is_decided_is_not_the_same_request_any_more(client, user):
    join(user)
    review.reject(TokenRequest.objects.get(), by=actor_of(make_admin()))
    response = client.post("/requests/new?kind=beta")
    assert response.status_code == 400
    assert "You sent request #1 for this before" in text_of(response)


def test_asking_to_join_needs_a_click_only(client, user):
    assert "extra tokens for it that do not expire" in client.get("/requests/new?kind=beta").text
    response = client.post("/requests/new?kind=beta")
    assert (response.status_code, response.location) == (303, "/requests/1")
    assert TokenRequest.objects.get().email == user.email
    again = client.post("/requests/new?kind=beta")
    assert (again.status_code, again.location) == (303, "/requests/1")
    assert TokenRequest.objects.count() == 1


def test_invisible_words_are_refused_at_the_field(client):
    response = ask(client, "\u200b\u200b")
    assert response.status_code == 400
    assert "Must not be empty." in response.text
    assert TokenRequest.objects.count() == 0


# --- one request ------------------------------------------------------------------------------------------------------


def test_a_decided_request_shows_the_response_and_its_history(client, user):
    token_request = make_request(user, reason="For a talk")
    review.approve(token_request, by=actor_of(make_admin(name="Adam")), response="Good luck <3")
    text = text_of(client.get(f"/requests/{token_request.number}"))
    assert "Approved: your allowance was renewed." in text
    assert "Good luck &lt;3" in text
    assert "Approved The team" in text
    assert "Adam" not in text
    assert "Pending You" in text
    assert "Withdraw" not in text


def test_a_pending_request_shows_its_place_and_the_usual_time(client, user, monkeypatch):
    make_request()
    number = make_request(user).number
    text = text_of(client.get(f"/requests/{number}"))
    assert "It is number 2 in the queue." in text
    assert "Usually" not in text
    for other in [make_request() for _ in range(queue.FEWEST_DECISIONS)]:
        review.approve(other, by=OPERATOR)
    assert "Usually decided within 1 minute." in text_of(client.get(f"/requests/{number}"))
    review.approve(TokenRequest.objects.get(number=1), by=OPERATOR)
    assert "It is the next one in the queue." in text_of(client.get(f"/requests/{number}"))
    monkeypatch.setattr(queue, "MOST_AHEAD", 0)
    monkeypatch.setattr(queue, "place", lambda _: 1_001)
    assert "More than 0 requests are before it." in text_of(client.get(f"/requests/{number}"))


def test_a_granted_beta_request_says_how_many_tokens_it_brought(client, user):
    review.approve(join(user), by=actor_of(make_admin()), granted=2_500)
    assert "Approved: you are in the beta program, with 2,500 extra tokens." in text_of(client.get("/requests/1"))


@pytest.mark.parametrize("number", NO_REQUESTS)
def test_what_is_no_request_is_not_found(client, number):
    assert client.get(f"/requests/{number}").status_code == 404


def test_somebody_elses_request_is_not_found(client):
    assert client.get(f"/requests/{make_request().number}").status_code == 404


# --- denied -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/requests", "/requests/new", "/requests/1"])
def test_a_stranger_is_asked_to_sign_in(app, path):
    assert app.test_client().get(path).location == f"/sign-in?next={path}"


def test_a_stranger_submits_nothing(app):
    assert ask(app.test_client()).status_code == 303
    assert TokenRequest.objects.count() == 0


def test_what_a_program_sent_for_the_user_is_theirs_in_the_history(client, user):
    by = Actor("key", str(ObjectId()), "A program", on_behalf_of=str(user.id))
    token_request = quota_requests.submit(user, reason="For the nightly job.", by=by)
    assert "You ·" in text_of(client.get(f"/requests/{token_request.number}"))
