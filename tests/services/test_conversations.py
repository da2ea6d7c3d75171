"""Conversations are renamed, deleted and searched by whoever had them, whatever else happens meanwhile."""

import pytest
from bson import ObjectId
from mongoengine.connection import get_db

from app.migrations import m2026_11_21_conversations_words
from app.models.conversation import Conversation
from app.models.domain_error import Busy, InvalidInput, NotFound
from app.models.message import Message
from app.services import answers, chat, conversations, due, ledger
from tests.chatting import announced, charges, make_talker, say

NOBODYS = "6b00db0dd0c5e187ff3a69b8"


@pytest.fixture
def user():
    return make_talker()


# --- titles -----------------------------------------------------------------------------------------------------------


def test_a_conversation_gets_another_title(user):
    conversation = say(user, "About cats").conversation
    renamed = conversations.rename(user.id, conversation, title="  Dogs, mostly ")
    assert (renamed.title, chat.own(user.id, conversation).title) == ("Dogs, mostly", "Dogs, mostly")


def test_a_title_is_one_line_of_up_to_80_characters(user):
    conversation = say(user).conversation
    for title in ("", "   ", "x" * 81, "a\nb", "a\tb", "bell \x07", "\ud800", 7, None):
        with pytest.raises(InvalidInput) as refusal:
            conversations.rename(user.id, conversation, title=title)
        assert list(refusal.value.errors) == ["title"], title
    assert chat.own(user.id, conversation).title == "Hello"


def test_nobody_changes_what_is_not_theirs(user):
    theirs = say(make_talker()).conversation
    for conversation_id in (theirs, NOBODYS, "x", "", "$ne"):
        with pytest.raises(NotFound):
            conversations.rename(user.id, conversation_id, title="Mine")
        with pytest.raises(NotFound):
            conversations.delete(user.id, conversation_id)
    assert Conversation.objects.get(id=theirs).title == "Hello"


# --- deleting ---------------------------------------------------------------------------------------------------------


def test_what_is_deleted_is_gone_and_the_ledger_stays(user):
    conversation, other = say(user, key="1").conversation, say(user, key="2").conversation
    before = charges(user.id)
    conversations.delete(user.id, conversation)
    assert [one.id for one in chat.conversations(user.id)] == [other]
    assert {one.conversation for one in Message.objects} == {other}
    assert Conversation.objects(id=conversation).first() is None
    assert charges(user.id) == before
    with pytest.raises(NotFound):
        conversations.delete(user.id, conversation)


def test_deleting_is_finished_by_the_worker_wherever_it_was_broken_off(statements):
    for at in range(1, 7):
        user = make_talker()
        conversation = say(user).conversation
        for after in (False, True):
            with statements.dying(at, after=after):
                conversations.delete(user.id, conversation)
            if not chat.conversations(user.id):
                break
        if chat.conversations(user.id):
            conversations.delete(user.id, conversation)
        due.perform(Conversation, conversation)
        assert Message.objects(conversation=conversation).first() is None, at
        assert Conversation.objects(id=conversation).first() is None, at


def test_an_answer_that_is_being_written_is_stopped_and_charged_before_it_goes(user):
    answer = announced(user)
    conversations.delete(user.id, answer.conversation)
    assert chat.conversations(user.id) == []
    with pytest.raises(NotFound):
        conversations.own_message(user.id, str(answer.id))
    left = Conversation.objects.get(id=answer.conversation)
    assert [(item["verb"], item.get("failed")) for item in left.due] == [("conversation.remove", None)]
    pieces = answers.write(answer, iter(["Half an answer", "and the rest"]))
    next(pieces)
    pieces.close()
    assert due.perform(Conversation, answer.conversation)
    assert Message.objects.count() == Conversation.objects.count() == 0
    assert len(charges(user.id)) == 1


def test_a_message_that_comes_while_its_conversation_is_deleted_is_not_said(user, statements):
    conversation = say(user, key="1").conversation
    deleted = statements.meanwhile("insert messages", lambda: conversations.delete(user.id, conversation))
    with deleted as fate, pytest.raises(NotFound):
        say(user, "More", "2", conversation_id=str(conversation))
    assert fate.happened
    assert Message.objects.count() == Conversation.objects.count() == 0
    assert [entry["type"] for entry in ledger.history(user.id, with_holds=True)].count("hold") == 1


def test_the_message_that_began_a_conversation_which_is_being_deleted_waits(user):
    answer = announced(user)
    Message.objects(id=answer.id).delete()
    Conversation.objects(id=answer.conversation).update(removed_at=answer.created_at)
    with pytest.raises(Busy):
        say(user)


def test_two_who_delete_at_once_are_one_who_does_and_one_who_finds_nothing(user, threads):
    conversation = say(user).conversation
    outcomes = threads(lambda _: conversations.delete(user.id, conversation), 4)
    assert outcomes.count(None) == 1
    assert {type(one) for one in outcomes if one} == {NotFound}


# --- search -----------------------------------------------------------------------------------------------------------


def found(user, text):
    return [hit.conversation.title for hit in conversations.search(user.id, text).hits]


def test_titles_and_messages_are_found_by_the_beginnings_of_their_words(user):
    say(user, "About cats and dogs", "1")
    say(user, "Что такое токены?\nИ зачем", "2")
    say(make_talker(), "A cat of somebody else")
    renamed = say(user, "Horses", "3").conversation
    conversations.rename(user.id, renamed, title="Ёлки & палки")
    finds = {
        "About cats and dogs": ["cat", "CATS", "dogs abo", " and  cats ", "cat, dog!", "\uff43at"],
        "Что такое токены?": ["ток", "ТОКЕНЫ", "зачем такое"],
        "Ёлки & палки": ["ёлки", "пал", "horses", "палки ёлки"],
    }
    for title, texts in finds.items():
        assert {text: found(user, text) for text in texts} == {text: [title] for text in texts}
    nothing = ["", " ", "?!", "ats", "catsx", "cat horses", "x" * 101, "$ne", "^ats", "c.ts", "\0", '{"$gt": ""}']
    assert {text: found(user, text) for text in nothing} == {text: [] for text in nothing}


def test_a_hit_shows_the_newest_message_with_the_word(user):
    conversation = say(user, "Nothing much", "1").conversation
    say(user, f"{'long ' * 50}and a Zebra, with {'more ' * 50}", "2", conversation_id=str(conversation))
    newest = say(user, "zebras again", "3", conversation_id=str(conversation))
    [hit] = conversations.search(user.id, "zebra").hits
    assert (hit.message_id, hit.excerpt) == (conversations.question_of(newest).id, ("", "zebras", " again"))
    before, word, after = conversations.excerpt(f"{'long ' * 50}and a Zebra, with {'more ' * 50}", ["zebra"])
    assert (before[0], word, after[-1]) == ("…", "Zebra", "…")
    assert len(before) <= conversations.BEFORE + 1
    assert conversations.excerpt("nothing of it", ["zebra"]) == ("", "", "nothing of it")


def test_a_title_has_no_excerpt_and_what_is_deleted_is_not_found(user):
    conversation = say(user, "Hello", "1").conversation
    conversations.rename(user.id, conversation, title="Zebra")
    [hit] = conversations.search(user.id, "zebra").hits
    assert (hit.message_id, hit.excerpt) == (None, None)
    Conversation.objects(id=conversation).update(removed_at=hit.conversation.created_at)
    assert found(user, "zebra") == []


def test_a_search_that_finds_more_says_so(user):
    at = say(user).created_at
    shared = {"user": user.id, "assistant": 1, "created_at": at, "last_message_at": at, "words": ["zebra"]}
    Conversation.objects.insert([Conversation(key=f"k{n}", title=f"Zebra {n}", **shared) for n in range(51)])
    result = conversations.search(user.id, "zeb")
    assert (len(result.hits), result.more, result.hits[0].conversation.title) == (50, True, "Zebra 50")


def test_a_search_reads_an_index_and_looks_at_little(user):
    at = say(user).created_at
    other = ObjectId()
    shared = {"conversation": other, "role": "user", "status": "done", "created_at": at}
    documents = [
        {"user": user.id if n % 2 else other, "key": f"m{n}", "words": ["common", f"word{n % 50}"], **shared}
        for n in range(3_000)
    ]
    Message._get_collection().insert_many(documents)
    for sought, most in (
        (["word7"], 400),
        (["common"], 1_100),
        (["common", "absent"], 1_000),
        (["common", "nowhere"], 10),
    ):
        stages = conversations.stages(user.id, sought)
        explained = get_db().command(
            {"explain": {"aggregate": "messages", "pipeline": stages, "cursor": {}}, "verbosity": "executionStats"}
        )
        text = str(explained)
        assert "COLLSCAN" not in text, sought
        stats = explained.get("executionStats") or explained["stages"][0]["$cursor"]["executionStats"]
        assert stats["totalDocsExamined"] <= most, (sought, stats["totalDocsExamined"])


def test_conversations_from_before_are_found_too(user):
    say(user, "About cats")
    Conversation._get_collection().update_many({}, {"$unset": {"words": ""}})
    Message._get_collection().update_many({}, {"$set": {"words": []}})
    assert found(user, "cats") == []
    for _ in range(2):
        m2026_11_21_conversations_words.run()
        assert found(user, "cats") == ["About cats"]
