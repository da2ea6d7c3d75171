"""Answers of a real server that are left, stopped or broken off: all that was produced is charged, once, and no more."""

import gc
import random
from datetime import timedelta

import pytest
import time_machine

from app import clock
from app.models.assistant import Assistant
from app.models.domain_error import AssistantUnavailable, Busy, NotFound
from app.models.message import Message
from app.services import answers, chat, due, ledger, token_accounts
from app.services.token_count import cost, count
from tests.chatting import charges, make_talker, say
from tests.factories import actor_of, make_user
from tests.processes import wait_until
from tests.upstream.misbehaving import DONE, HEAD, data, end, piece, reset, silence

# They come at once: what comes between two of them is no piece of the text, but one that a writer notices.
FOUR_PIECES = (HEAD, b"".join(piece(f"{n} ") for n in range(4)))


@pytest.fixture
def user():
    return make_talker()


def begin(user, key="key"):
    return chat.begin(user, text="Hello", key=key, by=actor_of(user))


def check(user, answer, text, status="stopped", failure=None):
    """The answer as it must be in the end: charged by what there is of it, nothing held."""
    answer = Message.objects.get(id=answer.id)
    assert (answer.text, answer.status, answer.failure) == (text, status, failure)
    charged = answer.prompt_tokens + count(text) if text else 0
    assert (charges(user.id), answer.tokens_charged or 0) == ([charged] if charged else [], charged)
    assert token_accounts.view(user.id).held == 0


@pytest.mark.parametrize("read", range(5))
def test_a_reader_who_leaves_is_charged_what_was_said_by_then(server, user, read):
    server.will((*FOUR_PIECES, silence))
    answering = begin(user)
    seen = "".join(next(answering.pieces) for _ in range(min(read, 4)))
    answering.pieces.close()
    # Whoever leaves before the first piece has not seen it, but it was there.
    check(user, answering.answer, seen or "0 ")


def test_an_answer_that_nobody_keeps_is_charged_what_was_said_by_then(server, user):
    server.will((*FOUR_PIECES, silence))
    answering = begin(user)
    answer = answering.answer
    next(answering.pieces)
    del answering
    gc.collect()
    check(user, answer, "0 ")


def test_what_is_announced_can_be_read_meanwhile(server, user, monkeypatch):
    monkeypatch.setattr(answers, "SAVE_EVERY", timedelta(0))
    server.will((*FOUR_PIECES, end({"total_tokens": 42}), DONE))
    answering = begin(user)
    assert (answering.answer.status, "".join(answering.pieces)) == ("streaming", "0 1 2 3 ")
    ended = chat.finished(answering.answer.id)
    assert (ended.status, ended.text, ended.tokens_charged) == ("done", "0 1 2 3 ", 42)


def test_a_repeat_meanwhile_gets_what_there_is_and_does_not_disturb(server, user, monkeypatch):
    monkeypatch.setattr(answers, "SAVE_EVERY", timedelta(0))
    server.will((*FOUR_PIECES, DONE))
    answering = begin(user)
    repeated = begin(user)
    assert (repeated.answer.id, repeated.answer.status, list(repeated.pieces)) == (
        answering.answer.id,
        "streaming",
        ["0 "],
    )
    repeated.pieces.close()
    assert "".join(answering.pieces) == "0 1 2 3 "
    assert list(begin(user).pieces) == ["0 1 2 3 "]
    check(user, answering.answer, "0 1 2 3 ", "done")


# --- stopping ---------------------------------------------------------------------------------------------------------


def test_whoever_stops_an_answer_pays_for_what_its_writer_had_by_then(server, user, monkeypatch):
    server.will((*FOUR_PIECES, silence))
    answering = begin(user)
    assert next(answering.pieces) == "0 "
    assert chat.stop(user.id, str(answering.answer.id)).status == "streaming"
    monkeypatch.setattr(answers, "SAVE_EVERY", timedelta(0))
    assert list(answering.pieces) == []
    # The piece at which the writer noticed was produced, too.
    check(user, answering.answer, "0 1 ")
    assert chat.stop(user.id, answering.answer.id).status == "stopped"


def test_an_answer_is_stopped_before_its_first_word(server, user, monkeypatch):
    monkeypatch.setattr(answers, "SAVE_EVERY", timedelta(0))

    def stop(_connection):
        Message.objects(role="assistant").update(stop_asked=True)

    server.will((HEAD, stop, piece(""), *FOUR_PIECES[1:], silence))
    answer = say(user)
    check(user, answer, "")
    assert say(user).id == answer.id


def test_nobody_stops_what_is_not_theirs(server, user):
    server.will((*FOUR_PIECES, DONE))
    answering = begin(user)
    for message_id in (answering.answer.id, "x", "0" * 24, {"$ne": None}):
        with pytest.raises(NotFound):
            chat.stop(make_user().id, message_id)
    assert "".join(answering.pieces) == "0 1 2 3 "
    check(user, answering.answer, "0 1 2 3 ", "done")


def test_a_question_is_not_stopped(user):
    say(user)
    question = Message.objects.get(role="user")
    assert chat.stop(user.id, question.id) == question
    assert Message.objects.get(role="user").stop_asked is None


def test_a_server_that_says_only_that_it_is_at_it_keeps_the_answer_alive(server, user, monkeypatch):
    monkeypatch.setattr(answers, "SAVE_EVERY", timedelta(0))
    leases = []

    def look(_connection):
        # By now the headers, or the comment before, have been taken in.
        wait_until(lambda: Message.objects.get(role="assistant").lease_until not in leases)
        leases.append(Message.objects.get(role="assistant").lease_until)

    thinking = (look, b": thinking\n\n") * 3
    server.will((HEAD, *thinking, piece("At last"), end({"total_tokens": 42}), DONE))
    assert say(user).text == "At last"
    assert len(set(leases)) == 3


# --- places -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["read to its end", "left", "left before the first piece", "broken off", "refused"])
def test_an_answer_keeps_its_place_until_it_ends(app, monkeypatch, server, user, how):
    monkeypatch.setitem(app.config, "CHAT_ANSWERS_AT_ONCE", 1)
    server.will((HEAD, reset) if how == "refused" else (*FOUR_PIECES, reset if how == "broken off" else DONE))
    if how == "refused":
        with pytest.raises(AssistantUnavailable):
            begin(user)
    else:
        answering = begin(user)
        with pytest.raises(Busy):
            begin(user, "another")
        if how == "left":
            next(answering.pieces)
        if how.startswith("left"):
            answering.pieces.close()
        else:
            list(answering.pieces)
    server.will((*FOUR_PIECES, DONE))
    assert say(user, key="another").status == "done"


def test_a_failed_answer_is_asked_for_again_in_its_conversation_wherever_the_repeat_says_it_is(server, user):
    server.will((*FOUR_PIECES, DONE))
    first = say(user, key="first")
    server.will((HEAD, reset))
    with pytest.raises(AssistantUnavailable):
        say(user, key="second", conversation_id=str(first.conversation))
    server.will((*FOUR_PIECES, DONE))
    assert say(user, key="second").conversation == first.conversation
    assert len(chat.conversations(user.id)) == 1


def test_one_key_from_10_threads_asks_the_server_once(app, server, user, threads, monkeypatch):
    monkeypatch.setitem(app.config, "CHAT_ANSWERS_AT_ONCE", 10)
    server.will((*FOUR_PIECES, DONE))
    answered = {answer.id for answer in threads(lambda _: say(user), 10)}
    assert (len(answered), len(server.calls), len(charges(user.id))) == (1, 1, 1)


def test_a_refused_key_from_10_threads_has_one_answer_and_one_charge(app, server, user, threads, monkeypatch):
    monkeypatch.setitem(app.config, "CHAT_ANSWERS_AT_ONCE", 10)
    server.will((HEAD, reset))
    with pytest.raises(AssistantUnavailable):
        say(user)
    server.will((*FOUR_PIECES, DONE))
    outcomes = threads(lambda _: say(user), 10)
    assert {type(outcome) for outcome in outcomes} <= {Message, Busy}
    assert Message.objects.count() == 2
    check(user, Message.objects.get(role="assistant"), "0 1 2 3 ", "done")


# --- a writer that dies -----------------------------------------------------------------------------------------------


def test_the_worker_charges_what_a_writer_had_saved_when_it_died(server, user, monkeypatch):
    monkeypatch.setattr(answers, "SAVE_EVERY", timedelta(0))
    server.will((*FOUR_PIECES, end({"total_tokens": 42}), DONE))
    answering = begin(user)
    assert [next(answering.pieces), next(answering.pieces)] == ["0 ", "1 "]
    with time_machine.travel(clock.now() + answers.lease() + timedelta(seconds=1), tick=False):
        assert answers.settle_lapsed() == 1
        due.perform_waiting()
    check(user, answering.answer, "0 1 ", "stopped", "broken_off")
    assert list(answering.pieces) == []
    check(user, answering.answer, "0 1 ", "stopped", "broken_off")


# --- 200 random interruptions -----------------------------------------------------------------------------------------


def interrupt(server, user, chance, n):
    """One answer that ends in one of many ways: what it must have cost."""
    pieces = [
        chance.choice(["word ", "слово ", "🙂", "a longer piece of text, ", "x"]) for _ in range(chance.randint(0, 6))
    ]
    how = chance.choice(["left", "reset", "error", "no end", "no usage", "usage", "wrong usage"])
    usage = {"total_tokens": chance.randint(1, 900) if how == "usage" else -1}
    last = {
        "reset": (reset,),
        "error": (data({"error": {"message": "Crashed"}}),),
        "no end": (),
        "no usage": (end(), DONE),
    }.get(how, (end(usage), DONE))
    server.will((HEAD, *map(piece, pieces), *last))
    seen = ""
    try:
        answering = begin(user, f"key-{n}")
    except AssistantUnavailable:
        pass
    else:
        for place, text in enumerate(answering.pieces):
            seen += text
            if how == "left" and place == chance.randint(0, 5):
                break
        answering.pieces.close()
    prompt = sum(count(one["content"]) for one in server.calls[-1].body["messages"])
    if not seen:
        return 0
    return cost(usage["total_tokens"] if how == "usage" else prompt + count(seen), 1_333)


@pytest.mark.parametrize("interruptions", [20, pytest.param(200, marks=pytest.mark.long)])
def test_the_sum_charged_is_what_was_produced_at_its_price(server, interruptions):
    user = make_talker()
    Assistant.objects.update(price=1_333)
    chance = random.Random(7)  # noqa: S311 - not for secrets.
    expected = [interrupt(server, user, chance, n) for n in range(interruptions)]
    charged = [-entry["amount"] for entry in ledger.history(user.id, limit=300) if entry["type"] == "usage"]
    assert charged[::-1] == [tokens for tokens in expected if tokens]
    account = token_accounts.view(user.id)
    assert (account.balance, account.held) == (150_000 - sum(expected), 0)
    assert sum(answer.tokens_charged or 0 for answer in Message.objects(role="assistant")) == sum(expected)
    assert Message.objects(status="streaming").count() == 0
