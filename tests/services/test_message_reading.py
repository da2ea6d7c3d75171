"""What admins read of what others said: what a search finds, and that nothing is read that the trail does not have."""

from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId

from app.models.audit_event import AuditEvent
from app.models.conversation import Conversation
from app.models.domain_error import Forbidden, NotFound
from app.models.message import Message
from app.models.message_words import words_of
from app.services import conversations, ledger, message_reading
from app.services.message_reading import Search
from tests.chatting import make_talker, say
from tests.factories import OPERATOR, actor_of, make_admin, make_user

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def adam():
    return actor_of(make_admin(name="Adam"))


def stored(texts, user=None, conversation=None, minutes=1):
    """Messages with these texts, a minute apart, the last one the newest; their ids."""
    user, rows = user or ObjectId(), []
    if conversation is None:
        talk = {"user": user, "key": "k", "assistant": 1, "title": "T", "created_at": NOON, "last_message_at": NOON}
        conversation = Conversation(**talk).save().id
    for number, text in enumerate(texts):
        rows.append(
            Message(
                id=ObjectId(),
                user=user,
                conversation=conversation,
                key=str(ObjectId()),
                role="user",
                text=text,
                words=words_of(text),
                created_at=NOON + number * timedelta(minutes=minutes),
            ).to_mongo()
        )
    Message._get_collection().insert_many(rows)
    return [row["_id"] for row in rows]


def found(text, by=OPERATOR, **values):
    place = {name: values.pop(name) for name in ("before", "limit") if name in values}
    return [one["_id"] for one in message_reading.search(Search(text, **values), **place, by=by).messages]


def events(action):
    return [(event.object, event.after) for event in AuditEvent.objects(action=action).order_by("id")]


# --- searching --------------------------------------------------------------------------------------------------------


def test_a_question_and_its_answer_are_found_by_their_words():
    user = make_talker()
    answer = say(user, "Where do zebras sleep?")
    question = Message.objects.get(role="user")
    assert found("ZEBRAS") == [question.id] or found("ZEBRAS") == [answer.id, question.id]
    word = words_of(answer.text)[0]
    assert answer.id in found(word)


def test_a_message_is_found_where_it_has_all_the_words_in_any_order():
    cats, _dogs, both = stored(["Cats sleep.", "Dogs bark", "dogs and CATS, together"])
    assert found("cats") == [both, cats]
    assert found("cats dogs") == found("dogs, cats!") == [both]
    assert found("sleep bark") == []
    assert found("dogs cats dogs together and") == [both]


def test_everything_is_read_literally_and_bounded():
    stored(["The cats sleep."])
    for text in ("", " ", "?!", "\u200b", "ca", "cat", "c.*", ".*", "$ne", "c?ts", "%63ats", "ts", "x" * 100_000):
        assert found(text) == [], text
    # Signs mean nothing; the words between them are words.
    for text in ("^cats$|", '"cats"', "-cats", "(the) cats\\"):
        assert len(found(text)) == 1, text


def test_a_user_and_days_narrow_it():
    ann, bob = ObjectId(), ObjectId()
    of_ann = stored(["cats"] * 3, user=ann, minutes=60)
    of_bob = stored(["cats"], user=bob)
    assert set(found("cats")) == {*of_ann, *of_bob}
    assert found("cats", user=ann) == of_ann[::-1]
    assert found("cats", user=ObjectId()) == []
    hour = timedelta(hours=1)
    # Half-open: what was said at the end is not part of it.
    assert found("cats", user=ann, since=NOON + hour, until=NOON + 2 * hour) == [of_ann[1]]
    assert found("cats", until=NOON) == []


@pytest.mark.parametrize("text", ["cats", "cats sleep"])
def test_pages_go_on_after_a_message_also_within_one_moment(text):
    ids = stored(["cats sleep"] * 7, minutes=0)[::-1]
    first = found(text, limit=3)
    second = found(text, limit=3, before=first[-1])
    assert first + second + found(text, limit=3, before=second[-1]) == ids
    assert found(text, before=ids[2], until=NOON + timedelta(days=1)) == ids[3:]
    assert found(text, before=ids[2], until=NOON) == []
    with pytest.raises(NotFound):
        found(text, before=ObjectId())


def test_of_common_words_only_so_many_are_looked_through_and_the_next_look_goes_on_from_there(monkeypatch):
    monkeypatch.setattr(message_reading, "MOST_LOOKED_THROUGH", 4)
    old, *_, new = stored(["cats dogs", *["cats"] * 5, *["dogs"] * 5, "cats dogs"])
    first = message_reading.search(Search("cats dogs"), by=OPERATOR)
    assert [one["_id"] for one in first.messages] == [new]
    second = message_reading.search(Search("cats dogs"), before=first.further, by=OPERATOR)
    assert [one["_id"] for one in second.messages] == [old]
    assert second.further is None
    stored(["rare cats"])
    assert message_reading.search(Search("rare cats"), by=OPERATOR).further is None
    assert message_reading.search(Search("cats"), by=OPERATOR).further is None


def test_each_page_of_a_search_is_one_event(adam):
    user = ObjectId()
    ids = stored(["cats"] * 3, user=user)
    found("Cats!", by=adam)
    found("cats", by=adam, user=user, since=NOON, before=ids[1])
    found("nothing", by=adam)
    assert events("messages.search") == [
        ({"kind": "messages", "id": "all"}, {"words": ["cats"]}),
        ({"kind": "user", "id": str(user)}, {"words": ["cats"], "since": NOON, "before": ids[1]}),
        ({"kind": "messages", "id": "all"}, {"words": ["nothing"]}),
    ]
    assert AuditEvent.objects(action="messages.search").first().actor["name"] == "Adam"


def test_a_search_for_no_word_is_none(adam):
    assert message_reading.search(Search("?!"), by=adam).messages == []
    assert events("messages.search") == []


# --- conversations ----------------------------------------------------------------------------------------------------


def test_the_list_says_who_talked_when_and_not_about_what(adam):
    ann, bob = make_talker(), make_talker()
    talks = [say(user, key=key).conversation for user, key in ((ann, "1"), (bob, "1"), (ann, "2"))]
    listed = message_reading.conversations(by=adam)
    assert [one.id for one in listed] == talks[::-1]
    assert {one.title for one in listed} == {None}
    assert [one.id for one in message_reading.conversations(user=ann.id, by=adam)] == [talks[2], talks[0]]
    assert [one.id for one in message_reading.conversations(before=talks[2], limit=1, by=adam)] == [talks[1]]
    assert events("conversation.read") == []


def test_opening_a_conversation_is_one_event_a_page(adam):
    answer = say(user := make_talker(), "My secret")
    opened, said = message_reading.opened(str(answer.conversation), by=adam)
    assert (opened.title, [message.role for message in said]) == ("My secret", ["assistant", "user"])
    message_reading.opened(str(answer.conversation), before=answer.id, by=adam)
    of = {"kind": "conversation", "id": str(answer.conversation)}
    assert events("conversation.read") == [
        (of, {"user": str(user.id)}),
        (of, {"user": str(user.id), "before": answer.id}),
    ]


@pytest.mark.parametrize("reference", ["", "x", "f" * 24, "F" * 24, "{'$ne': 1}"])
def test_what_is_not_there_is_not_found_and_leaves_no_event(adam, reference):
    for attempt in (message_reading.opened, message_reading.place_of):
        with pytest.raises(NotFound):
            attempt(reference, by=adam)
    assert AuditEvent.objects(action="conversation.read").count() == 0


def test_a_message_leads_to_the_page_that_has_it_with_a_few_that_follow(adam):
    ids = stored([f"n{n}" for n in range(30)], minutes=0)
    for number in (0, 5, 18):
        conversation, before = message_reading.place_of(str(ids[number]), by=adam)
        _, said = message_reading.opened(str(conversation), before=before, limit=11, by=adam)
        assert [message.id for message in said] == ids[number + 10 : number - 1 if number else None : -1], number
    assert message_reading.place_of(str(ids[25]), by=adam)[1] is None


# --- what was deleted -------------------------------------------------------------------------------------------------


def test_what_a_user_deletes_nobody_reads(adam):
    answer = say(user := make_talker(), "My secret zebra")
    conversations.delete(user.id, answer.conversation)
    assert found("zebra") == []
    assert message_reading.conversations(by=adam) == []
    for attempt, name in ((message_reading.opened, answer.conversation), (message_reading.place_of, answer.id)):
        with pytest.raises(NotFound):
            attempt(str(name), by=adam)


def test_what_is_being_deleted_is_not_read_either(adam):
    answer = say(make_talker(), "My secret zebra")
    Conversation.objects(id=answer.conversation).update(removed_at=NOON)
    result = message_reading.search(Search("zebra"), by=adam).messages
    assert result
    assert all("text" not in message for message in result)
    assert message_reading.conversations(by=adam) == []
    with pytest.raises(NotFound):
        message_reading.opened(str(answer.conversation), by=adam)


# --- who may ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("roles", [[], ["support"], ["reviewer"]])
def test_only_those_who_may_read_messages_do(roles):
    answer = say(make_talker(), "zebra")
    by = actor_of(make_user(roles=roles))
    for attempt in (
        lambda: message_reading.conversations(by=by),
        lambda: message_reading.opened(str(answer.conversation), by=by),
        lambda: message_reading.search(Search("zebra"), by=by),
        lambda: message_reading.place_of(str(answer.id), by=by),
    ):
        with pytest.raises(Forbidden):
            attempt()
    assert AuditEvent.objects(action__in=["conversation.read", "messages.search"]).count() == 0


# --- the ledger -------------------------------------------------------------------------------------------------------


def test_the_number_of_an_answers_entry_is_known_copied_or_not():
    user = make_talker()
    key = f"hold:{say(user).hold_id}"
    (charge,) = (entry for entry in ledger.history(user.id) if entry.get("key") == key)
    assert ledger.numbers_of(user.id, [key, "hold:none"]) == {key: charge["seq"]}
    list(ledger.whole(user.id, ledger.choice()))
    assert ledger.numbers_of(ObjectId(), [key]) == {}
