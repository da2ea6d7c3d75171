"""Answers as the chat's page receives them: as they are written, followed elsewhere, stopped, refused."""

import contextvars
import json

import pytest
from flask.testing import FlaskClient

from app.models.assistant import Assistant
from app.models.conversation import Conversation
from app.models.message import Message
from app.services import answers, chat, token_accounts
from tests.chatting import announced, charges, make_talker, say
from tests.factories import OPERATOR, sign_in
from tests.upstream.conftest import set_chat
from tests.upstream.misbehaving import DONE, HEAD, end, misbehaving, piece, reset
from tests.upstream.misbehaving import status as refusal

NOBODYS = "6b00db0dd0c5e187ff3a69b8"


@pytest.fixture
def user():
    return make_talker()


@pytest.fixture
def client(client, user):
    return sign_in(client, user)


def stream(client, text="Hello", path="/chat/stream", **values):
    return client.post(path, data={"text": text, "key": "key", **values})


def events(response):
    """`(name, data)` of each event; comments are none."""
    blocks = [block.split("\n") for block in response.text.strip().split("\n\n") if not block.startswith(":")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in blocks]


def make_poor(user, available):
    token_accounts.spend(user.id, token_accounts.view(user.id).available - available, by=OPERATOR)


# --- works ------------------------------------------------------------------------------------------------------------


def test_an_answer_comes_as_it_is_written(client, user):
    response = stream(client)
    assert (response.status_code, response.mimetype) == (200, "text/event-stream")
    (first, began), *deltas, (last, done) = events(response)
    assert (first, last, {name for name, _ in deltas}) == ("began", "done", {"delta"})
    answer = Message.objects.get(role="assistant")
    assert len(deltas) > 10
    assert "".join(data["text"] for _, data in deltas) == answer.text
    assert (began["address"], began["title"]) == (f"/chat/{answer.conversation}", "Hello")
    assert began["message"] == str(answer.id)
    assert 'data-unfinished="/chat/messages/' in began["html"]
    assert ">Hello</p>" in began["html"]
    assert f'action="/chat/{answer.conversation}/rename"' in began["tools"]
    assert "<strong>demo assistant</strong>" in done["html"]
    assert f"{answer.tokens_charged} tokens" in done["html"]
    available = token_accounts.view(user.id).available
    assert (done["status"], done["is_out"], done["notice"].strip()) == ("done", False, "")
    assert (done["balance"]["available"], done["balance"]["shown"]) == (available, f"{available:,}")
    assert began["key"] not in ("", "key")


def test_a_conversation_goes_on(client, user):
    conversation = say(user).conversation
    (_, began), *_, (_, done) = events(stream(client, "More", f"/chat/{conversation}/stream", key="2"))
    assert (began["address"], done["status"]) == (f"/chat/{conversation}", "done")
    assert Conversation.objects.count() == 1


def test_a_repeat_is_the_stored_answer_and_costs_nothing_more(client, user):
    first, again = events(stream(client)), events(stream(client))
    assert again[0][1]["message"] == first[0][1]["message"]
    assert "data-unfinished" not in again[0][1]["html"]
    assert again[-1][1]["html"] == first[-1][1]["html"]
    assert len(charges(user.id)) == 1


def test_who_is_to_answer_can_be_chosen_where_there_are_several(client):
    assert 'name="assistant"' not in client.get("/chat").text
    Assistant(number=2, name="The poet", model="demo", max_answer_tokens=500).save(force_insert=True)
    page = client.get("/chat").text
    assert '<option value="2">The poet</option>' in page
    address = events(stream(client, assistant="2"))[0][1]["address"]
    assert Conversation.objects.get().assistant == 2
    page = client.get(address).text
    assert "The poet answers here" in page
    assert 'name="assistant"' not in page


@pytest.mark.parametrize(
    ("available", "is_out", "said"), [(1_050, False, "almost out of tokens"), (260, True, "You are out of tokens")]
)
def test_what_an_answer_leaves_is_told_with_it(client, user, available, is_out, said):
    make_poor(user, available)
    _, done = events(stream(client))[-1]
    assert (done["is_out"], done["balance"]["is_low"], said in done["notice"]) == (is_out, True, True)


def test_without_javascript_the_page_looks_again_by_itself(client, user):
    answer = announced(user)
    page = client.get(f"/chat/{answer.conversation}").text
    assert '<noscript><meta http-equiv="refresh"' in page
    assert f'action="/chat/messages/{answer.id}/stop"' in page
    Message.objects(id=answer.id).update(status="done")
    assert "<noscript>" not in client.get(f"/chat/{answer.conversation}").text


# --- an answer that is written elsewhere ------------------------------------------------------------------------------


def test_an_answer_that_is_written_elsewhere_is_followed_until_it_ends(client, user):
    answer = announced(user)
    Message.objects(id=answer.id).update(text="The **first** half")
    state = client.get(f"/chat/messages/{answer.id}").json
    assert (state["status"], "<strong>first</strong>" in state["html"]) == ("streaming", True)
    answers.end(answer, "The whole", "done")
    state = client.get(f"/chat/messages/{answer.id}").json
    assert (state["status"], "The whole" in state["html"]) == ("done", True)
    assert state["balance"]["available"] == token_accounts.view(user.id).available


def test_a_message_sent_twice_at_once_is_followed_in_the_second_tab(client, user):
    answer = announced(user)
    (_, began), *_, (name, done) = events(stream(client))
    assert began["message"] == str(answer.id)
    assert (name, done["status"]) == ("done", "streaming")
    assert "data-unfinished" in done["html"]
    sent = client.post("/chat", data={"text": "Hello", "key": "key"})
    assert sent.location == f"/chat/{answer.conversation}#message-{answer.id}"


def test_two_tabs_may_send_different_messages_at_once(app, user, threads):
    conversation = say(user).conversation

    def send(n):
        client = sign_in(app.test_client(), user)
        return events(stream(client, f"Question {n}", f"/chat/{conversation}/stream", key=f"tab {n}"))[-1]

    assert [(name, done["status"]) for name, done in threads(send, 2)] == [("done", "done")] * 2
    assert len(charges(user.id)) == 3
    assert token_accounts.view(user.id).held == 0


def test_stopping_asks_the_writer_wherever_it_is(client, user):
    answer = announced(user)
    response = client.post(f"/chat/messages/{answer.id}/stop")
    assert (response.status_code, response.location) == (303, f"/chat/{answer.conversation}#message-{answer.id}")
    assert Message.objects.get(id=answer.id).stop_asked
    scripted = client.post(f"/chat/messages/{answer.id}/stop", headers={"Accept": "application/json"})
    assert scripted.json["status"] == "streaming"


def test_what_has_ended_is_not_stopped_any_more(client, user):
    answer = say(user)
    state = client.post(f"/chat/messages/{answer.id}/stop", headers={"Accept": "application/json"}).json
    assert (state["status"], Message.objects.get(id=answer.id).stop_asked) == ("done", None)
    assert len(charges(user.id)) == 1


def leave_after(client, chunks):
    """Sends a message, reads the first chunks of what comes, and goes."""

    def visit():
        form = {"text": "Hello", "key": "key", "csrf_token": client._csrf_token()}
        response = FlaskClient.open(client, "/chat/stream", method="POST", data=form, buffered=False)
        said = response.iter_encoded()
        heard = b"".join(next(said) for _ in range(chunks)).decode()
        response.close()
        return heard

    return contextvars.Context().run(visit)


@pytest.mark.parametrize("chunks", [0, 1, 2, 7])
def test_who_leaves_early_pays_for_the_words_that_were_written(client, user, chunks):
    heard = leave_after(client, chunks)
    answer = Message.objects.get(role="assistant")
    # The first chunk says what is being answered, before there is a word of it.
    words = max(0, chunks - 1)
    assert (answer.status, answer.failure, heard.count("event: delta")) == ("stopped", None, words)
    assert len(answer.text) < 100
    assert bool(answer.text) == bool(words)
    assert charges(user.id) == ([answer.tokens_charged] if words else [])
    assert token_accounts.view(user.id).held == 0
    assert "broke off here" in client.get(f"/chat/{answer.conversation}").text


# --- refused ----------------------------------------------------------------------------------------------------------


def test_a_refusal_keeps_the_text_and_says_what_to_do(app, client, user, monkeypatch):
    say(user, "Hello", "used")
    cases = [
        ({"text": ""}, 400, "Please write something here."),
        ({"text": "x" * 8_001}, 400, "Please write at most 8000 characters."),
        ({"text": "bell \x07"}, 400, "Please remove the characters that are not text."),
        ({"key": "ключ"}, 400, "Please check what you entered."),
        ({"assistant": "7"}, 400, "Please check what you entered."),
        ({"key": "used", "text": "Something else"}, 409, "This idempotency key was already used for something else."),
    ]
    for values, status, message in cases:
        response = client.post("/chat/stream", data={"text": "Hello", "key": "key", **values})
        assert (response.status_code, response.json["message"]) == (status, message), values
    assert response.json["key"] != "used"
    monkeypatch.setitem(app.config, "CHAT_ANSWERS_AT_ONCE", 0)
    busy = stream(client)
    assert (busy.status_code, busy.json["key"], busy.json["is_out"]) == (503, "key", False)
    assert "try again in a moment" in busy.json["message"]
    assert Message.objects.count() == 2


def test_out_of_tokens_is_told_with_what_can_be_done(client, user):
    make_poor(user, 100)
    response = stream(client)
    assert (response.status_code, response.json["is_out"]) == (402, True)
    assert 'href="/requests/new?kind=quota"' in response.json["notice"]
    assert Message.objects.count() == 0


def test_without_an_assistant_nothing_is_charged(client, user):
    Assistant.objects.update(active=False)
    response = stream(client)
    assert (response.status_code, "Nothing was charged" in response.json["message"]) == (503, True)
    assert charges(user.id) == []


def test_a_model_that_says_nothing_is_told_of_and_the_same_message_is_answered_once_it_does(
    app, client, user, monkeypatch
):
    with misbehaving() as model:
        set_chat(app, monkeypatch, model.url)
        for play in ((refusal(500),), (HEAD, reset), (HEAD, end({"total_tokens": 42}), DONE)):
            model.will(play)
            (first, began), (last, told) = events(stream(client))
            assert (first, last) == ("began", "failed"), play
            assert "Nothing was charged" in told["message"]
            assert told["balance"]["available"] == 150_000
            assert "No answer came" in client.get(began["address"]).text
        model.will((HEAD, piece("Here "), piece("I am"), end({"total_tokens": 42}), DONE))
        _, *_, (_, done) = events(stream(client, path=f"{began['address']}/stream"))
    assert (done["status"], charges(user.id), Message.objects.count()) == ("done", [42], 2)


def test_without_a_csrf_token_nothing_is_sent(client):
    assert client.post("/chat/stream", data={"text": "Hello", "key": "key"}, csrf=False).status_code == 400
    assert Message.objects.count() == 0


def test_what_is_not_there_or_not_ones_own_is_not_found(client):
    theirs = say(make_talker(), "A secret")
    for conversation in (theirs.conversation, NOBODYS, "x", "%24ne"):
        assert stream(client, path=f"/chat/{conversation}/stream").status_code == 404
    for message in (theirs.id, NOBODYS, "x", "%24ne"):
        assert client.get(f"/chat/messages/{message}").status_code == 404
        assert client.post(f"/chat/messages/{message}/stop").status_code == 404
    assert Message.objects.count() == 2
    assert Message.objects.get(id=theirs.id).stop_asked is None


def test_who_is_not_signed_in_is_asked_to(app):
    for method, path in (("POST", "/chat/stream"), ("GET", "/chat/messages/x"), ("POST", "/chat/messages/x/stop")):
        response = app.test_client().open(path, method=method)
        assert (response.status_code, response.location.partition("?")[0]) == (303, "/sign-in")


def test_a_new_conversation_has_one_title_and_its_own_page(client):
    address = events(stream(client, "About cats"))[0][1]["address"]
    assert "About cats" in client.get(address).text
    assert chat.LONGEST_MESSAGE == 8_000
