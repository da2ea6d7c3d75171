"""`/api/chat`: the contract's pairs, who may speak for whom, repeats, streams and refusals."""

import json
import re

import pytest

from app.models.assistant import Assistant
from app.models.conversation import Conversation
from app.models.message import Message
from app.models.user import User
from app.services import conversations, token_accounts
from tests.chatting import announced, charges, make_talker, say
from tests.factories import OPERATOR, bearer, make_admin, make_user, sign_in

MESSAGE, CONVERSATIONS, ASSISTANTS = "/api/chat/message", "/api/chat/conversations", "/api/chat/assistants"
PHONE = "79991234567"
NOBODYS = "6b00db0dd0c5e187ff3a69b8"
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
def user():
    talker = make_talker()
    User.objects(id=talker.id).update(phone=f"+{PHONE}", phone_confirmed=True)
    return talker


@pytest.fixture
def key(user):
    return bearer(user, "self")


@pytest.fixture
def send(client, key):
    def call(idempotency_key=None, accept="application/json", headers=key, **body):
        sent = {**headers, "Accept": accept, **({"Idempotency-Key": idempotency_key} if idempotency_key else {})}
        return client.post(MESSAGE, json={"msg": "Hello", **body}, headers=sent)

    return call


def events(response):
    """`(name, data)` of each event."""
    blocks = [block.split("\n") for block in response.text.strip().split("\n\n")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in blocks]


# --- POST /chat/message -----------------------------------------------------------------------------------------------


def test_a_message_is_answered(send, user):
    response = send(phone_number=PHONE, agent_id=1)
    assert response.status_code == 200
    answer = Message.objects.get(role="assistant")
    assert response.json == {
        "answer": answer.text,
        "tokens_used": answer.tokens_charged,
        "remaining_tokens": token_accounts.view(user.id).available,
        "conversation_id": str(answer.conversation),
        "message_id": str(answer.id),
        "status": "done",
    }
    assert type(response.json["tokens_used"]) is int
    again = send(msg="More", conversation_id=response.json["conversation_id"])
    assert again.json["conversation_id"] == response.json["conversation_id"]


def test_an_answer_comes_as_it_is_written_where_that_is_asked_for(send, user):
    response = send(accept="text/event-stream")
    assert (response.status_code, response.mimetype) == (200, "text/event-stream")
    assert response.headers["Cache-Control"] == "no-store"
    *deltas, (last, done) = events(response)
    answer = Message.objects.get(role="assistant")
    assert {name for name, _ in deltas} == {"delta"}
    assert {tuple(data) for _, data in deltas} == {("text",)}
    assert "".join(data["text"] for _, data in deltas) == answer.text
    assert (last, done) == (
        "done",
        {
            "tokens_used": answer.tokens_charged,
            "remaining_tokens": token_accounts.view(user.id).available,
            "conversation_id": str(answer.conversation),
            "message_id": str(answer.id),
            "status": "done",
        },
    )


def test_what_a_caller_takes_says_how_it_is_answered(send):
    kinds = {
        "application/json": "application/json",
        "*/*": "application/json",
        "text/html": "application/json",
        "text/event-stream, application/json;q=0.5": "text/event-stream",
        "application/json, text/event-stream;q=0.5": "application/json",
    }
    assert {accept: send(accept=accept).mimetype for accept in kinds} == kinds


def test_the_same_key_is_answered_the_same_and_charged_once(send, user):
    first, again = send("k", "application/json"), send("k", "application/json")
    assert again.json == first.json
    assert ("Idempotent-Replay" in first.headers, again.headers["Idempotent-Replay"]) == (False, "true")
    assert again.headers["Idempotency-Key"] == "k"
    *deltas, (_, done) = events(send("k", "text/event-stream"))
    assert [data["text"] for _, data in deltas] == [first.json["answer"]]
    assert done == {name: value for name, value in first.json.items() if name != "answer"}
    assert len(charges(user.id)) == 1
    other = send("k", msg="Something else")
    assert (other.status_code, other.json["code"]) == (409, "idempotency_key_reused")


def test_a_repeat_while_the_answer_is_written_is_told_to_wait(send, user):
    announced(user)
    for accept in ("application/json", "text/event-stream"):
        response = send("key", accept)
        assert (response.status_code, response.json["code"], response.headers["Retry-After"]) == (503, "busy", "5"), (
            accept
        )


def test_too_few_tokens_are_told_with_what_can_be_done(send, user):
    token_accounts.spend(user.id, token_accounts.view(user.id).available - 120, by=OPERATOR)
    for accept in ("application/json", "text/event-stream"):
        told = send(accept=accept)
        assert (told.status_code, told.mimetype) == (402, "application/json"), accept
        assert told.json["code"] == "insufficient_tokens"
        expected = {"remaining_tokens": 120, "needed": 200, "can_request": True, "reason_code": None}
        assert {name: told.json[name] for name in expected} == expected
        assert INSTANT.fullmatch(told.json["resets_at"])
        assert told.json["request_url"].endswith("/requests/new?kind=quota")
    assert Message.objects.count() == 0


def test_what_keeps_an_answer_from_coming_costs_nothing(app, send, user, monkeypatch):
    monkeypatch.setitem(app.config, "CHAT_ANSWERS_AT_ONCE", 0)
    busy = send()
    assert (busy.status_code, busy.json["code"], busy.headers["Retry-After"]) == (503, "busy", "5")
    monkeypatch.undo()
    Assistant.objects.update(active=False)
    for accept in ("application/json", "text/event-stream"):
        away = send(accept=accept)
        assert (away.status_code, away.json["code"], away.mimetype) == (
            503,
            "assistant_unavailable",
            "application/json",
        )
    assert charges(user.id) == []


INVALID = [
    ({"msg": ""}, "msg"),
    ({"msg": "  "}, "msg"),
    ({"msg": "x" * 8_001}, "msg"),
    ({"msg": "bell \x07"}, "msg"),
    ({"msg": 7}, "msg"),
    ({"msg": None}, "msg"),
    ({"agent_id": 0}, "agent_id"),
    ({"agent_id": True}, "agent_id"),
    ({"agent_id": "1"}, "agent_id"),
    ({"agent_id": 7}, "agent_id"),
    ({"phone_number": 79991234567}, "phone_number"),
    ({"conversation_id": 7}, "conversation_id"),
    ({"text": "Hello"}, "text"),
]


def test_what_is_no_message_is_refused_by_field(send):
    for body, field in INVALID:
        response = send(**body)
        assert (response.status_code, list(response.json["errors"])) == (400, [field]), (body, response.json)
    assert Message.objects.count() == 0


def test_conversations_that_are_not_there_or_not_ones_own_are_not_found(send):
    theirs = str(say(make_talker(), "A secret").conversation)
    for conversation in (theirs, NOBODYS, "x", "", '{"$ne": ""}', "f" * 500):
        response = send(conversation_id=conversation)
        # An empty one would begin a new conversation, which is not what was meant.
        assert (response.status_code, response.json["code"]) == (404, "not_found"), conversation
    assert Message.objects.count() == 2


def test_the_number_must_be_the_callers(send, user):
    User.objects(id=make_user().id).update(phone="+79990000000", phone_confirmed=True)
    for number in ("+7 (999) 123-45-67", PHONE, "7.999.1234567"):
        assert send(phone_number=number).status_code == 200, number
    for number in ("79990000000", "7999123456", "x", "external:u-17", str(user.id), user.email):
        assert send(phone_number=number).status_code == 404, number


def test_a_metering_key_speaks_for_whom_it_names(client, send, user):
    meter = bearer(make_admin(), "usage.write")
    before = token_accounts.view(user.id).available
    response = send(headers=meter, phone_number="+7 999 123-45-67")
    assert response.status_code == 200
    assert response.json["remaining_tokens"] == token_accounts.view(user.id).available < before
    assert Conversation.objects.get().user == user.id
    nobody = send(headers=meter)
    assert (nobody.status_code, list(nobody.json["errors"])) == (400, ["phone_number"])
    assert send(headers=meter, phone_number="79990000000").status_code == 404
    assert send(headers=bearer(make_admin(), "users.read")).status_code == 403
    User.objects(id=user.id).update(active=False)
    inactive = send(headers=meter, phone_number=PHONE)
    assert (inactive.status_code, inactive.json["code"]) == (403, "user_inactive")


def test_twenty_callers_with_one_key_are_one_answer(app, key, user, threads):
    headers = {**key, "Idempotency-Key": "one"}
    answers = threads(lambda _: app.test_client().post(MESSAGE, json={"msg": "Hello"}, headers=headers), 20)
    assert {answer.status_code for answer in answers} <= {200, 503}
    # What remains is told as of each answer.
    told = [answer.json for answer in answers if answer.status_code == 200]
    assert len({(one["answer"], one["tokens_used"], one["message_id"]) for one in told}) == 1
    assert (len(charges(user.id)), Message.objects.count()) == (1, 2)


# --- what was said ----------------------------------------------------------------------------------------------------


def test_conversations_are_listed_newest_first_with_pages(client, key, user):
    made = [str(say(user, f"No. {n}", f"k{n}").conversation) for n in range(3)][::-1]
    say(make_talker(), "A secret")
    response = client.get(f"{CONVERSATIONS}?limit=2", headers=key)
    assert [one["id"] for one in response.json] == made[:2]
    [first, *_] = response.json
    assert set(first) == {"id", "title", "agent_id", "created_at", "last_message_at"}
    assert (first["title"], first["agent_id"]) == ("No. 2", 1)
    assert INSTANT.fullmatch(first["created_at"])
    address = re.fullmatch(r'<(http://localhost/api/.+)>; rel="next"', response.headers["Link"])[1]
    rest = client.get(address, headers=key)
    assert ([one["id"] for one in rest.json], "Link" in rest.headers) == (made[2:], False)
    conversations.delete(user.id, made[0])
    assert len(client.get(CONVERSATIONS, headers=key).json) == 2


def test_a_conversation_is_shown_with_what_was_said(client, key, user):
    answer = say(user, "Hello")
    response = client.get(f"{CONVERSATIONS}/{answer.conversation}?limit=1", headers=key)
    [said] = response.json["messages"]
    assert said == {
        "id": str(answer.id),
        "role": "assistant",
        "text": answer.text,
        "status": "done",
        "tokens_used": answer.tokens_charged,
        "created_at": said["created_at"],
    }
    address = re.fullmatch(r'<(http://localhost/api/.+)>; rel="next"', response.headers["Link"])[1]
    [question] = client.get(address, headers=key).json["messages"]
    assert (question["role"], question["text"], question["tokens_used"]) == ("user", "Hello", None)


def test_assistants_that_answer_are_listed(client, key, user):
    Assistant(number=2, name="Asleep", model="demo", max_answer_tokens=5, active=False).save(force_insert=True)
    one = Assistant.objects.get(number=1)
    assert client.get(ASSISTANTS, headers=key).json == [
        {"id": 1, "name": one.name, "max_answer_tokens": one.max_answer_tokens, "price": 1_000}
    ]


def test_pages_that_are_not_there_are_refused(client, key, user):
    conversation = say(user).conversation
    theirs = say(make_talker()).conversation
    cases = [
        (f"{CONVERSATIONS}?cursor=x", 400),
        (f"{CONVERSATIONS}?limit=0", 400),
        (f"{CONVERSATIONS}?limit=101", 400),
        (f"{CONVERSATIONS}?q=x", 400),
        (f"{CONVERSATIONS}?cursor={NOBODYS}", 404),
        (f"{CONVERSATIONS}?cursor={theirs}", 404),
        (f"{CONVERSATIONS}/{theirs}", 404),
        (f"{CONVERSATIONS}/x", 404),
        (f"{CONVERSATIONS}/{conversation}?cursor={NOBODYS}", 404),
        (f"{ASSISTANTS}?limit=1", 400),
    ]
    answers = {path: client.get(path, headers=key).status_code for path, _ in cases}
    assert answers == dict(cases)


def test_strangers_and_keys_without_the_scope_are_refused(client, user):
    admin = make_admin()
    for method, path in (("POST", MESSAGE), ("GET", CONVERSATIONS), ("GET", ASSISTANTS)):
        body = {"json": {"msg": "Hello"}} if method == "POST" else {}
        assert client.open(path, method=method, **body).status_code == 401, path
        refused = client.open(path, method=method, headers=bearer(admin, "users.read"), **body)
        assert refused.status_code == 403, path


def test_the_session_of_our_own_pages_may_call_too(client, user):
    sign_in(client, user)
    assert client.post(MESSAGE, json={"msg": "Hello"}).status_code == 200
    assert client.post(MESSAGE, json={"msg": "Hello"}, origin="https://evil.example").status_code == 403
