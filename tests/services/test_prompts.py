"""What goes along with a question, and how long the answer may be."""

from datetime import timedelta

import pytest

from app.models.assistant import Assistant
from app.models.domain_error import InsufficientTokens
from app.models.message import Message
from app.services import chat, prompts, token_accounts
from app.services.token_count import count
from tests.chatting import make_talker, say


@pytest.fixture
def talk():
    """A user's conversation that holds 30 tokens of text."""
    user = make_talker()
    answer = say(user, "a" * 30)
    Message.objects(id=answer.id).update(text="b" * 60)
    return user, chat.own(user.id, answer.conversation)


def plan(user, text="Hello", conversation=None, available=None):
    account = token_accounts.view(user.id)
    account.available = account.available if available is None else available
    return prompts.plan(account, Assistant.objects.get(number=1), text, key="new", conversation=conversation)


def set_assistant(**values):
    Assistant.objects(number=1).update(system_prompt="", **values)


def test_the_instructions_come_first_and_the_question_last(talk):
    planned = plan(*talk[:1], "Hi", talk[1])
    assert [one["role"] for one in planned.prompt] == ["system", "user", "assistant", "user"]
    assert [one["content"] for one in planned.prompt[1:]] == ["a" * 30, "b" * 60, "Hi"]
    assert planned.prompt_tokens == sum(count(one["content"]) for one in planned.prompt)


@pytest.mark.parametrize(
    ("room", "earlier"),
    [(4_000, ["a" * 30, "b" * 60]), (132, ["a" * 30, "b" * 60]), (131, []), (122, []), (121, [])],
)
def test_the_newest_questions_that_fit_go_along_with_their_answers(app, monkeypatch, talk, room, earlier):
    set_assistant()
    monkeypatch.setitem(app.config, "CHAT_CONTEXT_TOKENS", room)
    planned = plan(talk[0], "x" * 306, talk[1])
    assert [one["content"] for one in planned.prompt] == [*earlier, "x" * 306]


def test_the_question_goes_along_whether_it_fits_or_not(app, monkeypatch):
    monkeypatch.setitem(app.config, "CHAT_CONTEXT_TOKENS", 100)
    assert plan(make_talker(), "x" * 8_000).prompt[-1]["content"] == "x" * 8_000


def test_what_was_said_before_leaves_room_for_an_answer(talk):
    set_assistant()
    assert len(plan(talk[0], "Hello", talk[1], available=231).prompt) == 1
    assert len(plan(talk[0], "Hello", talk[1], available=232).prompt) == 3


def test_an_answer_that_failed_or_is_being_written_does_not_go_along(talk):
    user, conversation = talk
    Message.objects(role="assistant").update(text="", status="failed")
    assert len(plan(user, "Hello", conversation).prompt) == 2
    Message.objects(role="assistant").update(text="half", status="streaming")
    assert len(plan(user, "Hello", conversation).prompt) == 2


def test_questions_and_answers_go_along_in_turn_whatever_happened_between_them(talk):
    user, conversation = talk
    keys = ["failed", "slow", "quick"]
    for key in keys:
        say(user, f"Question {key}", key, conversation_id=str(conversation.id))
    Message.objects(role="assistant", key="failed").update(text="", status="failed")
    # Two tabs: the second asked later, and was answered first.
    later = Message.objects.get(role="assistant", key="quick").created_at + timedelta(seconds=1)
    Message.objects(role="assistant", key="slow").update(created_at=later)
    said = plan(user, "Hello", conversation).prompt
    assert [one["role"] for one in said] == ["system", *["user", "assistant"] * 3, "user"]
    assert [one["content"] for one in said[3::2]][:-1] == ["Question slow", "Question quick"]


@pytest.mark.parametrize(
    ("available", "price", "max_tokens", "most_it_costs"),
    [
        (100_000, 1_000, 500, 502),
        (502, 1_000, 500, 502),
        (501, 1_000, 499, 501),
        (200, 1_000, 198, 200),
        (200, 10_000, 18, 200),
        (203, 3_000, 65, 201),
        (1_000, 1, 500, 1),
        (1_000, 1_001, 500, 503),
    ],
)
def test_an_answer_may_be_as_long_as_the_assistant_allows_and_the_account_pays_for(
    available, price, max_tokens, most_it_costs
):
    user = make_talker()
    set_assistant(price=price, max_answer_tokens=500)
    planned = plan(user, "Hello", available=available)
    assert (planned.prompt_tokens, planned.max_tokens, planned.most_it_costs) == (2, max_tokens, most_it_costs)


@pytest.mark.parametrize(
    ("available", "price", "needed"), [(199, 1_000, 200), (0, 1_000, 200), (200, 100_000, 300), (299, 100_000, 300)]
)
def test_what_cannot_be_paid_for_is_refused_with_what_is_needed(available, price, needed):
    user = make_talker()
    set_assistant(price=price)
    with pytest.raises(InsufficientTokens) as refusal:
        plan(user, "Hello", available=available)
    assert (refusal.value.values["available"], refusal.value.values["needed"]) == (available, needed)
