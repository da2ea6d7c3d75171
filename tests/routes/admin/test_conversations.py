"""The admins' pages of what was said: who talked when, one conversation, and that its reading stands in the trail."""

import pytest
from mongoengine.connection import get_db

from app.models.audit_event import AuditEvent
from app.models.conversation import Conversation
from app.models.message import Message
from tests.chatting import make_talker, say
from tests.factories import make_admin, make_user, sign_in
from tests.page_client import text_of

LIST = "/admin/conversations"


@pytest.fixture
def client(client):
    return sign_in(client, make_admin(name="Adam"))


@pytest.fixture
def ann():
    return make_talker(email="ann@example.com")


def readings():
    return AuditEvent.objects(action="conversation.read").count()


def test_the_list_says_who_talked_when_and_not_about_what(client, ann):
    conversation = say(ann, "My secret").conversation
    page = client.get(LIST)
    assert "ann@example.com" in text_of(page)
    assert f'href="{LIST}/{conversation}"' in page.text
    assert "secret" not in page.text
    assert readings() == 0


def test_an_empty_list_says_so(client, ann):
    assert "No conversations yet" in text_of(client.get(LIST))
    text = text_of(client.get(f"{LIST}?user=ann@example.com"))
    assert "This user has not talked to an assistant" in text


def test_the_list_is_narrowed_to_a_user_however_they_are_named(client, ann):
    say(ann)
    say(make_talker(email="bob@example.com"))
    for name in ("ann@example.com", " ANN@example.com ", str(ann.id)):
        text = text_of(client.get(LIST, query_string={"user": name}))
        assert ("ann@example.com" in text, "bob@example.com" in text) == (True, False), name
    page = client.get(f"{LIST}?user=nobody@example.com")
    assert (page.status_code, "There is no such user." in text_of(page)) == (400, True)
    assert client.get(f"{LIST}?user={'x' * 300}").status_code == 400


def test_the_list_has_pages(client, ann, monkeypatch):
    monkeypatch.setattr("app.pagination.SIZE", 2)
    monkeypatch.setattr("app.pagination.FETCHED", 3)
    talks = [str(say(ann, key=str(number)).conversation) for number in range(3)]
    first = client.get(f"{LIST}?user={ann.id}").text
    assert [talk in first for talk in talks] == [False, True, True]
    second = client.get(f"{LIST}?user={ann.id}&before={talks[1]}").text
    assert [f"{LIST}/{talk}" in second for talk in talks] == [True, False, False]
    assert client.get(f"{LIST}?before=x").status_code == 400
    assert client.get(f"{LIST}?before={'f' * 24}").status_code == 404


def test_a_conversation_shows_what_was_said_and_where_the_ledger_has_it(client, ann):
    answer = say(ann, "What is **this**? <script>")
    page = client.get(f"{LIST}/{answer.conversation}")
    text = text_of(page)
    assert "The audit trail keeps that you have." in text
    assert "What is **this**? &lt;script&gt;" in text
    assert f"{answer.tokens_charged} tokens, in the history" in text
    assert page.headers["Cache-Control"] == "no-store"
    assert readings() == 1
    way = f"/admin/users/{ann.id}?before="
    at = page.text.index(way)
    ledger_page = client.get(page.text[at : page.text.index("#", at)])
    assert f"−{answer.tokens_charged}" in text_of(ledger_page)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"status": "streaming", "tokens_charged": None}, "The answer is being written."),
        ({"status": "stopped"}, "The answer broke off here."),
        ({"status": "failed", "tokens_charged": 0}, "No answer came. Nothing was charged."),
    ],
)
def test_it_says_how_an_answer_ended(client, ann, values, told):
    answer = say(ann)
    Message.objects(id=answer.id).update(**values)
    assert told in text_of(client.get(f"{LIST}/{answer.conversation}"))


def test_nothing_is_shown_that_the_trail_does_not_have(client, ann):
    answer = say(ann, "My secret")
    fault = {"failCommands": ["insert"], "namespace": f"{get_db().name}.audit_events", "errorCode": 50}
    admin = get_db().client.admin
    admin.command({"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": fault})
    try:
        for where in (f"{LIST}/{answer.conversation}", "/admin/messages?q=secret"):
            page = client.get(where)
            assert page.status_code == 503
            assert "My secret" not in page.text
    finally:
        admin.command({"configureFailPoint": "failCommand", "mode": "off"})


def test_without_users_read_there_is_no_way_to_the_account(client, ann):
    reader = make_user()
    reader.modify(permissions=["messages.read"])
    page = sign_in(client, reader).get(f"{LIST}/{say(ann).conversation}")
    assert page.status_code == 200
    assert "/admin/users" not in page.text


@pytest.mark.parametrize("name", ["x", "f" * 24, "1"])
def test_one_that_is_not_there_is_not_found(client, name):
    assert client.get(f"{LIST}/{name}").status_code == 404


def test_what_was_deleted_is_not_found(client, ann):
    conversation = say(ann).conversation
    Conversation.objects(id=conversation).update(removed_at=ann.created_at)
    assert client.get(f"{LIST}/{conversation}").status_code == 404
    assert readings() == 0


@pytest.mark.parametrize("roles", [[], ["support"], ["reviewer"]])
def test_only_those_who_may_read_messages_see_them(client, ann, roles):
    conversation = say(ann).conversation
    sign_in(client, make_user(roles=roles))
    assert client.get(LIST).status_code == client.get(f"{LIST}/{conversation}").status_code == 403
    assert readings() == 0
    if roles:
        assert "/admin/conversations" not in client.get(f"/admin/users/{ann.id}").text


def test_the_ways_there_stand_in_the_navigation_and_on_a_users_page(client, ann):
    page = client.get("/admin").text
    assert f'href="{LIST}"' in page
    assert 'href="/admin/messages"' in page
    page = client.get(f"/admin/users/{ann.id}").text
    assert f'href="{LIST}?user={ann.id}"' in page
    assert f'href="/admin/messages?user={ann.id}"' in page
