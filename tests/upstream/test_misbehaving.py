"""What a server can do to an answer, case by case: what the user sees, what is charged, what the ledger shows."""

import logging
import socket
from dataclasses import dataclass

import pytest

from app.models.domain_error import AssistantUnavailable
from app.models.message import Message
from app.services import ledger, token_accounts
from app.services.token_count import count
from tests.chatting import charges, make_talker, say
from tests.upstream.conftest import KEY
from tests.upstream.misbehaving import DONE, HEAD, Step, data, drip, end, is_slow, piece, reset, silence, status

# As far as the server came before whatever it does to the answer.
HALF = (HEAD, piece("Half an "), piece("ans"))
WHOLE = (HEAD, piece("All "), piece("of it"))


def usage(total):
    return {"prompt_tokens": 30, "completion_tokens": 12, "total_tokens": total}


@dataclass
class Refused:
    """Nothing was said: the user is told so and keeps the text, nothing is charged, the ledger shows a release."""

    play: tuple[Step, ...]
    failure: str = "unavailable"
    retry_after: int | None = None


@dataclass
class Answered:
    """Something was said: it stays, and is charged as `charged`, else as we count."""

    play: tuple[Step, ...]
    text: str = "All of it"
    status: str = "done"
    failure: str | None = None
    charged: int | None = None


def broken_off(*play):
    return Answered((*HALF, *play), "Half an ans", "stopped", "broken_off")


ERROR = data({"error": {"message": "The model crashed", "type": "server_error"}})
NOTHING = (end(usage(42)), DONE)
REFUSALS = {
    "500": Refused((status(500, '{"error": {"message": "Oops"}}'),)),
    "503 that says when": Refused((status(503, Retry_After=7),), retry_after=7),
    "429": Refused((status(429),), "busy"),
    "429 that says when": Refused((status(429, Retry_After="20"),), "busy", 20),
    "429 for ever": Refused((status(429, Retry_After="999999999"),), "busy", 3_600),
    "429 until yesterday": Refused((status(429, Retry_After="Sun, 06 Nov 1994 08:49:37 GMT"),), "busy", 1),
    "429 that says nonsense": Refused((status(429, Retry_After="-5 soon"),), "busy"),
    "408": Refused((status(408),)),
    "a wrong key": Refused((status(401, f'{{"error": "Incorrect API key provided: {KEY}"}}'),), "refused"),
    "an unknown model": Refused((status(404, '{"error": "model not found"}'),), "refused"),
    "a redirect": Refused((status(307, Location="http://127.0.0.1:1/"),), "refused"),
    "an error whose text never ends": Refused((b"HTTP/1.1 400 Bad\r\n\r\n" + b"x" * 100_000, silence), "refused"),
    "an error whose text never comes": Refused((b"HTTP/1.1 500 Oops\r\n\r\n", silence)),
    "no HTTP": Refused((b"220 smtp.example.com ESMTP\r\n",)),
    "a page": Refused((status(200, "<h1>Hello</h1>", Content_Type="text/html"),)),
    "hangs up at once": Refused(()),
    "a reset at once": Refused((reset,)),
    "no answer in time": Refused((silence,)),
    "a reset before the first word": Refused((HEAD, reset)),
    "a silence before the first word": Refused((HEAD, silence)),
    "an end before the first word": Refused((HEAD,)),
    "an error before the first word": Refused((HEAD, ERROR)),
    "headers that never end": Refused((b"HTTP/1.1 200 OK\r\n" + b"X-Header: x\r\n" * 20_000,)),
    "a line that never ends": Refused((HEAD, b"data: " + b"x" * 3_000_000, silence)),
    "an event that never ends": Refused((HEAD, b"data: x\n" * 300_000, silence)),
    "comments for ever": Refused((HEAD, b": still here\n\n" * 1_000_000, silence)),
    "one byte a second": Refused((HEAD, drip(b'data: {"choices": [{"delta": {"content": "Too slow"}}]}\n\n'))),
    "an answer of no words": Refused((HEAD, piece(""), *NOTHING), "empty"),
    "an answer of no text": Refused((HEAD, piece(None), piece(7), piece(["x"]), *NOTHING), "empty"),
}
ANSWERS = {
    "as it should be": Answered((*WHOLE, end(usage(42)), DONE), charged=42),
    "an empty key for the usage in each chunk": Answered(
        (HEAD, piece("All of it", usage=None), end(usage(42)), DONE), charged=42
    ),
    "usage in a chunk with text": Answered(
        (HEAD, piece("All ", usage=usage(35)), piece("of it", usage=usage(42)), DONE), charged=42
    ),
    "usage without its sum": Answered((*WHOLE, end({"prompt_tokens": 30, "completion_tokens": 12}), DONE), charged=42),
    "usage of nothing": Answered((*WHOLE, end(usage(0)), DONE), charged=0),
    "no usage": Answered((*WHOLE, end(), DONE)),
    "usage null": Answered((*WHOLE, data({"choices": [], "usage": None}), DONE)),
    "usage negative": Answered((*WHOLE, end(usage(-42)), DONE)),
    "usage huge": Answered((*WHOLE, end(usage(10**12)), DONE)),
    "usage beyond all integers": Answered((*WHOLE, end(usage(10**40)), DONE)),
    "usage a string": Answered((*WHOLE, end(usage("42")), DONE)),
    "usage a fraction": Answered((*WHOLE, end(usage(42.5)), DONE)),
    "usage true": Answered((*WHOLE, end(usage(True)), DONE)),
    "usage a list": Answered((*WHOLE, end([42]), DONE)),
    "usage of strings": Answered((*WHOLE, end({"prompt_tokens": "30", "completion_tokens": "12"}), DONE)),
    "no last line": Answered((*WHOLE, end(usage(42))), charged=42),
    "cut off at its length": Answered((*WHOLE, end(usage(42), "length"), DONE), charged=42),
    "more after the last line": Answered((*WHOLE, end(usage(42)), DONE, piece("More"), silence), charged=42),
    "hangs on after the last line": Answered((*WHOLE, end(usage(42)), DONE, silence), charged=42),
    "lines that end otherwise": Answered((*WHOLE, end(usage(42)).replace(b"\n", b"\r\n"), DONE), charged=42),
    "fields that nobody knows": Answered(
        (HEAD, b": hello\nevent: x\nid: 7\nretry: 1\n", piece("All of it", system_fingerprint="fp", x={"y": [1]}), DONE)
    ),
    "chunks that say nothing": Answered(
        (*WHOLE, data({}), data({"choices": None}), data({"choices": [None]}), data({"choices": [{"delta": 1}]}), DONE)
    ),
    "what is no text": Answered(
        (HEAD, b'data: {"choices": [{"delta": {"content": "a\\u0000b\\ud800c\\u001b[31m"}}]}\n\n', DONE),
        text="a\ufffdb\ufffdc\ufffd[31m",
    ),
    "a stop that nobody asked for": broken_off(),
    "a reset": broken_off(reset),
    "a silence": broken_off(silence),
    "an error in the stream": broken_off(ERROR),
    "an error of another shape": broken_off(b'event: error\ndata: {"error": "overloaded"}\n\n', DONE),
    "no JSON": broken_off(b"data: {nonsense\n\n"),
    "JSON of another kind": broken_off(b"data: [1, 2]\n\n"),
    "JSON too deep": broken_off(b"data: " + b"[" * 200_000 + b"\n\n"),
    "a usage, then a reset": broken_off(data({"choices": [], "usage": usage(42)}), reset),
    "a byte a second": broken_off(drip(piece(" that comes too slowly") * 3)),
    "bytes that are no text": Answered(
        (HEAD, b'data: {"choices": [{"delta": {"content": "a\xff"}}]}\n\n', DONE), "a\ufffd"
    ),
}


@pytest.fixture
def user():
    return make_talker()


@pytest.fixture
def patience(app, monkeypatch):
    """Shortens the waits where a server would only end them."""

    def shorten(play):
        if is_slow(play):
            monkeypatch.setitem(app.config, "CHAT_SILENCE_SECONDS", 0.3)
            monkeypatch.setitem(app.config, "CHAT_ANSWER_SECONDS", 0.6)

    return shorten


def types_and_amounts(user):
    return [(entry["type"], entry["amount"]) for entry in ledger.history(user.id, with_holds=True, limit=2)]


@pytest.mark.parametrize("case", REFUSALS.values(), ids=REFUSALS)
def test_a_server_that_says_nothing_costs_nothing(server, user, patience, case):
    patience(case.play)
    server.will(case.play)
    with pytest.raises(AssistantUnavailable) as refusal:
        say(user)
    assert refusal.value.values == {"failure": case.failure} | (
        {"retry_after": case.retry_after} if case.retry_after else {}
    )
    question, answer = Message.objects.order_by("id")
    assert (question.text, answer.text, answer.status, answer.failure) == ("Hello", "", "failed", case.failure)
    assert types_and_amounts(user) == [("release", 0), ("hold", 0)]
    account = token_accounts.view(user.id)
    assert (account.available, account.held, answer.tokens_charged or 0) == (150_000, 0, 0)

    server.will((*WHOLE, end(usage(42)), DONE))
    assert (say(user).text, charges(user.id)) == ("All of it", [42])
    assert [message.text for message in Message.objects.order_by("id")] == ["Hello", "All of it"]


@pytest.mark.parametrize("case", ANSWERS.values(), ids=ANSWERS)
def test_what_a_server_said_is_charged_once(server, user, patience, case):
    patience(case.play)
    server.will(case.play)
    answer = say(user)
    assert (answer.text, answer.status, answer.failure) == (case.text, case.status, case.failure)
    [call] = server.calls
    counted = sum(count(one["content"]) for one in call.body["messages"]) + count(case.text)
    charged = counted if case.charged is None else case.charged
    assert types_and_amounts(user) == [("usage" if charged else "release", -charged), ("hold", 0)]
    account = token_accounts.view(user.id)
    assert (account.available, account.held, answer.tokens_charged) == (150_000 - charged, 0, charged)
    assert say(user).id == answer.id


def test_where_nobody_listens_nothing_is_charged(app, monkeypatch, user):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        monkeypatch.setitem(app.config, "CHAT_BASE_URL", f"http://127.0.0.1:{bound.getsockname()[1]}/v1")
        with pytest.raises(AssistantUnavailable) as refusal:
            say(user)
    assert (refusal.value.values, charges(user.id)) == ({"failure": "unavailable"}, [])


def test_an_answer_that_never_ends_is_cut_off_and_charged_as_what_there_is(server, user):
    server.will((HEAD, piece("x" * 10_000) * 1_000))
    answer = say(user)
    assert (answer.status, answer.failure, len(answer.text)) == ("stopped", "broken_off", 10_000)
    assert server.left.wait(5)


def test_no_log_line_holds_our_key(server, user, caplog):
    caplog.set_level(logging.DEBUG)
    repeated = "x" * 480 + KEY
    for play in (
        (status(401, f'{{"error": "Incorrect API key provided: {KEY}"}}'),),
        (status(500, repeated),),
        (HEAD, data({"error": repeated})),
        (HEAD, b"data: " + repeated.encode() + b"\n\n"),
    ):
        server.will(play)
        with pytest.raises(AssistantUnavailable):
            say(user)
    assert server.calls[0].headers["authorization"] == f"Bearer {KEY}"
    assert "the chat's server answered 401" in caplog.text
    assert not any(KEY[:6] in record.getMessage() for record in caplog.records)


# --- what it is asked -------------------------------------------------------------------------------------------------


def test_what_is_asked_for_is_what_every_compatible_server_understands(server, user):
    server.will((*WHOLE, DONE))
    say(user, "Hello", "one")
    [call] = server.calls
    assert call.line == "POST /v1/chat/completions HTTP/1.1"
    assert (call.body["model"], call.body["max_tokens"], call.body["stream"]) == ("gpt-4o-mini", 1_000, True)
    assert call.body["stream_options"] == {"include_usage": True}
    assert [one["role"] for one in call.body["messages"]] == ["system", "user"]
    assert set(call.body) == {"model", "messages", "max_tokens", "stream", "stream_options"}
    assert "cookie" not in call.headers


def test_without_a_key_none_is_sent(app, monkeypatch, server, user):
    monkeypatch.setitem(app.config, "CHAT_API_KEY", "")
    server.will((*WHOLE, DONE))
    say(user)
    assert "authorization" not in server.calls[0].headers


def test_a_model_that_knows_the_limit_by_its_newer_name_is_asked_again_and_then_at_once(app, monkeypatch, server, user):
    monkeypatch.setitem(app.config, "CHAT_MODEL", "newer")
    complaint = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    server.will((status(400, complaint),), (*WHOLE, DONE))
    say(user, key="one")
    say(user, key="two")
    limits = [{name for name in call.body if name.startswith("max")} for call in server.calls]
    assert limits == [{"max_tokens"}, {"max_completion_tokens"}, {"max_completion_tokens"}]


def test_a_server_that_knows_it_by_neither_name_refuses(app, monkeypatch, server, user):
    monkeypatch.setitem(app.config, "CHAT_MODEL", "neither")
    server.will((status(400, "max_completion_tokens is nothing I know"),))
    with pytest.raises(AssistantUnavailable):
        say(user)
    assert len(server.calls) == 2
