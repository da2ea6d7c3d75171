"""Saying something: what is sent, held, stored and charged, and what is refused."""

import pytest
from bson import ObjectId

from app.models.assistant import Assistant
from app.models.conversation import Conversation
from app.models.domain_error import (
    AssistantUnavailable,
    Busy,
    DomainError,
    InsufficientTokens,
    InvalidInput,
    KeyReused,
    NotFound,
)
from app.models.message import Message
from app.services import chat, ledger, token_accounts
from app.services.token_count import cost, count
from tests.chatting import charges, make_talker, say
from tests.factories import OPERATOR, make_user

RIGHT_TO_LEFT = "שלום, מה שלומך? مرحبا \u202eabc"


def stored():
    return Conversation.objects.count(), Message.objects.count()


def test_an_answer_is_stored_with_its_question_and_charged():
    user = make_talker()
    before = token_accounts.view(user.id).balance
    answer = say(user, "  Hello \r\n there ")
    [conversation] = chat.conversations(user.id)
    [newest, question] = chat.messages(conversation)
    tokens = count(Assistant.objects.get(number=1).system_prompt) + count("Hello \n there") + count(answer.text)
    assert (question.text, question.role, question.status) == ("Hello \n there", "user", "done")
    assert (newest.id, newest.role, newest.status, newest.tokens_charged) == (answer.id, "assistant", "done", tokens)
    assert charges(user.id) == [tokens]
    account = token_accounts.view(user.id)
    assert (account.balance, account.held) == (before - tokens, 0)


def test_the_ledger_names_the_user_and_the_conversation():
    user = make_talker(name="Ann")
    answer = say(user)
    [settled, held] = ledger.history(user.id, with_holds=True, limit=2)
    assert (held["type"], settled["type"]) == ("hold", "usage")
    for entry in (held, settled):
        assert entry["by"] == {"kind": "user", "id": str(user.id), "name": "Ann"}
        assert entry["reference"]["conversation"] == answer.conversation


@pytest.mark.parametrize("price", [1, 333, 1_000, 1_001, 2_500])
def test_an_answer_costs_its_tokens_times_the_price_rounded_up_once(price):
    user = make_talker()
    Assistant.objects(number=1).update(price=price)
    answer = say(user)
    assert charges(user.id) == [cost(answer.prompt_tokens + count(answer.text), price)]


def test_a_conversation_goes_on_with_what_was_said():
    user = make_talker()
    first = say(user, "Hello", "one")
    second = say(user, "Who are you?", "two", conversation_id=str(first.conversation))
    assert second.conversation == first.conversation
    assert second.prompt_tokens == first.prompt_tokens + count(first.text) + count("Who are you?")
    texts = [message.text for message in chat.messages(chat.own(user.id, first.conversation))]
    assert texts == [second.text, "Who are you?", first.text, "Hello"]


# --- which assistant --------------------------------------------------------------------------------------------------


@pytest.fixture
def two_assistants():
    """A user, and a second assistant at twice the price."""
    user = make_talker()
    Assistant(number=2, name="Second", model="m", max_answer_tokens=100, price=2_000).save()
    return user


def test_a_new_conversation_is_with_the_assistant_that_was_asked_for(two_assistants):
    answer = say(two_assistants, assistant=2)
    assert (answer.assistant, answer.price) == (2, 2_000)
    conversation_id = str(answer.conversation)
    assert say(two_assistants, key="again", conversation_id=conversation_id).assistant == 2
    assert say(two_assistants, key="once more", conversation_id=conversation_id, assistant=2).assistant == 2
    assert say(two_assistants, key="new").assistant == 1


@pytest.mark.parametrize("assistant", [0, 3, -1, 10**30, "2", True, 2.0, [2], {"$ne": 0}])
def test_an_assistant_that_does_not_answer_cannot_be_asked_for(two_assistants, assistant):
    Assistant(number=3, name="Retired", model="m", max_answer_tokens=100, active=False).save()
    assert "agent_id" in refused(two_assistants, InvalidInput, assistant=assistant).errors


def test_a_conversation_stays_with_its_assistant(two_assistants):
    conversation_id = str(say(two_assistants, assistant=2).conversation)
    with pytest.raises(InvalidInput) as refusal:
        say(two_assistants, key="other", conversation_id=conversation_id, assistant=1)
    assert refusal.value.errors == {"agent_id": ["This conversation is with another assistant."]}
    Assistant.objects(number=2).update(active=False)
    assert say(two_assistants, key="other", conversation_id=conversation_id).assistant == 1


def test_a_key_with_another_assistant_is_refused(two_assistants):
    say(two_assistants, assistant=2)
    assert say(two_assistants).assistant == say(two_assistants, assistant=2).assistant == 2
    with pytest.raises(KeyReused):
        say(two_assistants, assistant=1)


# --- repeats ----------------------------------------------------------------------------------------------------------


def test_a_repeat_of_a_key_returns_the_stored_answer():
    user = make_talker()
    answer = say(user)
    assert say(user).id == say(user, conversation_id=str(answer.conversation)).id == answer.id
    assert (stored(), len(charges(user.id))) == ((1, 2), 1)


def test_a_key_is_each_users_own():
    assert say(make_talker()).id != say(make_talker()).id


@pytest.mark.parametrize("other", ["another text", "another conversation"])
def test_a_key_with_other_content_is_refused(other):
    user = make_talker()
    answer, elsewhere = say(user, "Hello", "one"), say(user, "Hello", "two")
    changed = {"text": "Bye"} if other == "another text" else {"conversation_id": str(elsewhere.conversation)}
    with pytest.raises(KeyReused):
        say(user, key="one", **changed)
    assert Message.objects(conversation=answer.conversation).count() == 2


@pytest.mark.parametrize("available", [100_000, 210])
def test_one_key_from_40_threads_has_one_answer_and_one_charge(app, monkeypatch, threads, available):
    monkeypatch.setitem(app.config, "CHAT_ANSWERS_AT_ONCE", 40)
    user = make_talker(available)
    answers = threads(lambda _: say(user), 40)
    assert {answer.id for answer in answers} == {Message.objects.get(role="assistant").id}
    assert (stored(), len(charges(user.id)), token_accounts.view(user.id).held) == ((1, 2), 1, 0)


def test_messages_from_20_threads_are_each_answered_and_charged_exactly(threads):
    user = make_talker()
    answers = threads(lambda i: say(user, f"Hello {i}", f"key-{i}"), 20)
    assert sum(answer.tokens_charged for answer in answers) == sum(charges(user.id))
    assert (len(charges(user.id)), token_accounts.view(user.id).held) == (20, 0)


def test_threads_that_spend_the_last_tokens_never_go_below_zero(threads):
    user = make_talker(1_000)
    outcomes = threads(lambda i: say(user, "Hello", f"key-{i}"), 20)
    answered = [outcome for outcome in outcomes if isinstance(outcome, Message)]
    assert {type(outcome) for outcome in outcomes} <= {Message, InsufficientTokens}
    account = token_accounts.view(user.id)
    assert (account.available, account.held) == (1_000 - sum(answer.tokens_charged for answer in answered), 0)
    assert Message.objects(status="streaming").count() == 0


def test_the_answer_in_a_conversation_that_was_deleted_meanwhile_is_not_found():
    with pytest.raises(NotFound):
        chat.finished(ObjectId())


# --- refusals: nothing is stored, held or charged ---------------------------------------------------------------------


def refused(user, error, **values):
    entries = len(ledger.history(user.id, with_holds=True))
    with pytest.raises(error) as caught:
        say(user, **values)
    assert stored() == (0, 0)
    assert len(ledger.history(user.id, with_holds=True)) == entries
    return caught.value


@pytest.mark.parametrize(
    "text", ["", "  \n\t ", "x" * 8_001, "a\0b", "a\ud800b", "\x1b[31m", None, 7, ["a"], {"$ne": ""}]
)
def test_what_is_no_message_is_refused(text):
    assert "text" in refused(make_talker(), InvalidInput, text=text).errors


@pytest.mark.parametrize("key", ["", "x" * 201, "a\nb", "ключ", None, 7, {"$ne": ""}])
def test_what_is_no_key_is_refused(key):
    assert "key" in refused(make_talker(), InvalidInput, key=key).errors


@pytest.mark.parametrize(
    "text", ["x" * 8_000, "x\r\n" * 4_000, "🙂👩‍👩‍👧‍👦", RIGHT_TO_LEFT, "$set", "{$where: 1}", "<b>", "a\tb"]
)
def test_any_text_up_to_8000_characters_is_kept_as_it_is(text):
    user = make_talker()
    answer = say(user, text)
    assert Message.objects.get(conversation=answer.conversation, role="user").text == text.replace("\r\n", "\n").strip()


@pytest.mark.parametrize("conversation_id", ["x", "6b00db0dd0c5e187ff3a69b8", "$ne", "0" * 25, {"$ne": None}])
def test_a_conversation_that_is_not_there_is_not_found(conversation_id):
    refused(make_talker(), NotFound, conversation_id=conversation_id)


def test_somebody_elses_conversation_is_not_found():
    conversation_id = say(make_talker()).conversation
    with pytest.raises(NotFound):
        say(make_talker(), conversation_id=str(conversation_id))
    with pytest.raises(NotFound):
        chat.own(make_user().id, conversation_id)
    assert Message.objects.count() == 2


def test_below_the_minimum_nothing_is_sent():
    user = make_talker(199)
    error = refused(user, InsufficientTokens)
    assert error.values == {"needed": 200, "available": 199, "resets_at": token_accounts.view(user.id).period_end}


def test_at_the_minimum_a_message_is_answered():
    assert say(make_talker(200)).status == "done"


def test_a_question_that_costs_more_than_there_is_is_refused():
    user = make_talker(1_000)
    instructions = Assistant.objects.get(number=1).system_prompt
    error = refused(user, InsufficientTokens, text="x" * 8_000)
    assert (error.values["available"], error.values["needed"]) == (1_000, count("x" * 8_000) + count(instructions) + 1)


def test_beyond_the_answers_that_a_process_writes_at_once_it_is_busy(app, monkeypatch):
    user = make_talker()
    monkeypatch.setitem(app.config, "CHAT_ANSWERS_AT_ONCE", 0)
    refused(user, Busy)


def test_a_refusal_gives_its_place_to_the_next(app, monkeypatch):
    monkeypatch.setitem(app.config, "CHAT_ANSWERS_AT_ONCE", 1)
    refused(make_talker(10), InsufficientTokens)
    assert say(make_talker()).status == say(make_talker()).status == "done"


def test_where_no_assistant_is_active_nobody_answers():
    user = make_talker()
    Assistant.objects.update(active=False)
    refused(user, AssistantUnavailable)


def test_a_key_that_was_refused_can_succeed_later():
    user = make_talker(100)
    refused(user, InsufficientTokens)
    token_accounts.add_bonus(user.id, 1_000, by=OPERATOR, reason="More")
    assert say(user).status == "done"


def test_where_no_hold_is_to_be_had_the_announcement_is_taken_back():
    user = make_talker()
    holds = [token_accounts.hold(user.id, 1, by=OPERATOR).hold_id for _ in range(100)]
    with pytest.raises(DomainError) as caught:
        say(user)
    assert caught.value.code == "too_many_holds"
    assert [message.role for message in Message.objects] == ["user"]
    token_accounts.release(holds[0], by=OPERATOR)
    assert say(user).status == "done"
    assert Message.objects(role="user").count() == 1


# --- lists ------------------------------------------------------------------------------------------------------------


def test_the_conversation_in_which_something_was_said_last_comes_first():
    user = make_talker()
    first, second = say(user, "One", "1"), say(user, "Two", "2")
    say(user, "Again", "3", conversation_id=str(first.conversation))
    say(make_talker(), "Another's")
    assert [one.id for one in chat.conversations(user.id)] == [first.conversation, second.conversation]
    assert [one.title for one in chat.conversations(user.id)] == ["One", "Two"]


def test_pages_of_conversations_and_messages_continue_where_the_one_before_ended():
    user = make_talker()
    for n in range(3):
        say(user, f"Message {n}", f"key-{n}")
    pages = [chat.conversations(user.id, limit=2)]
    pages.append(chat.conversations(user.id, before=pages[0][-1].id, limit=2))
    assert [one.title for page in pages for one in page] == ["Message 2", "Message 1", "Message 0"]
    conversation = pages[1][0]
    [answer] = chat.messages(conversation, limit=1)
    [question] = chat.messages(conversation, before=answer.id, limit=5)
    assert (answer.role, question.role) == ("assistant", "user")


def test_a_page_after_what_is_not_ones_own_is_not_found():
    user = make_talker()
    mine, other = say(user), say(make_talker())
    with pytest.raises(NotFound):
        chat.conversations(user.id, before=other.conversation)
    with pytest.raises(NotFound):
        chat.messages(chat.own(user.id, mine.conversation), before=other.id)
    with pytest.raises(NotFound):
        chat.messages(chat.own(user.id, mine.conversation), before=ObjectId())
