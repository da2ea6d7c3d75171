"""The admins' search for messages."""

import pytest

from app import clock
from app.models.audit_event import AuditEvent
from app.models.conversation import Conversation
from app.models.message import Message
from app.services import message_reading
from tests.chatting import make_talker, say
from tests.factories import make_admin, make_user, sign_in
from tests.page_client import text_of

SEARCH = "/admin/messages"


@pytest.fixture
def client(client):
    return sign_in(client, make_admin(name="Adam"))


@pytest.fixture
def ann():
    return make_talker(email="ann@example.com")


def searches():
    return AuditEvent.objects(action="messages.search").count()


def ask(client, **asked):
    return client.get(SEARCH, query_string=asked)


def test_nothing_is_shown_before_something_is_sought(client, ann):
    say(ann, "My secret zebra")
    for page in (client.get(SEARCH), ask(client, user=str(ann.id)), ask(client, **{"from": "2026-01-01"})):
        assert page.status_code == 200
        assert "zebra" not in page.text
    assert searches() == 0


def test_a_message_is_found_with_the_way_to_it(client, ann):
    say(ann, "Where do <b>zebras</b> sleep?")
    question = Message.objects.get(role="user")
    page = ask(client, q="sleep zebras")
    assert "&lt;b&gt;<mark>zebras</mark>" in page.text
    assert f'href="{SEARCH}/{question.id}"' in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert searches() == 1
    way = client.get(f"{SEARCH}/{question.id}")
    assert way.status_code == 303
    assert way.location == f"/admin/conversations/{question.conversation}#message-{question.id}"
    assert f'id="message-{question.id}"' in client.get(way.location).text


def test_nothing_found_says_so_and_is_a_reading_too(client):
    assert "Nothing found" in text_of(ask(client, q="zebras"))
    assert searches() == 1


def test_a_user_and_days_narrow_it(client, ann):
    say(ann, "zebras")
    say(make_talker(email="bob@example.com"), "zebras")
    today = clock.now().date().isoformat()
    assert "bob@example.com" not in text_of(ask(client, q="zebras", user="ann@example.com"))
    both = text_of(ask(client, q="zebras", until=today, **{"from": today}))
    assert ("ann@example.com" in both, "bob@example.com" in both) == (True, True)
    assert "Nothing found" in text_of(ask(client, q="zebras", until="2026-01-01"))


WRONG = [
    {"q": "x" * 101},
    {"q": "?!"},
    {"q": "zebras", "user": "nobody@example.com"},
    {"q": "zebras", "from": "yesterday"},
    {"q": "zebras", "until": "0001-01-01"},
    {"q": "zebras", "before": "x"},
]


def test_what_cannot_be_asked_is_refused_and_reads_nothing(client, ann):
    say(ann, "zebras")
    for wrong in WRONG:
        page = ask(client, **wrong)
        assert page.status_code == 400, wrong
        assert "<mark>" not in page.text
    assert ask(client, q="zebras", before="f" * 24).status_code == 404
    assert AuditEvent.objects(action="messages.search", after__words=["zebras"]).count() <= 1


def test_pages_go_on_and_keep_what_was_asked(client, ann, monkeypatch):
    monkeypatch.setattr("app.pagination.SIZE", 1)
    monkeypatch.setattr("app.pagination.FETCHED", 2)
    for number in range(2):
        say(ann, f"zebras {number}", key=str(number))
    newest, oldest = Message.objects(role="user").order_by("-id").scalar("id")
    page = ask(client, q="zebras", user=str(ann.id))
    assert (str(newest) in page.text, str(oldest) in page.text) == (True, False)
    assert f"{SEARCH}?q=zebras&amp;user={ann.id}&amp;before={newest}" in page.text
    page = ask(client, q="zebras", user=str(ann.id), before=str(newest))
    assert f'href="{SEARCH}/{oldest}"' in page.text


def test_what_was_not_looked_through_can_be(client, ann, monkeypatch):
    monkeypatch.setattr(message_reading, "MOST_LOOKED_THROUGH", 1)
    for number, text in enumerate(("cats dogs", "cats", "dogs")):
        say(ann, text, key=str(number))
    page = ask(client, q="cats dogs")
    assert "Look further back" in text_of(page)
    assert "Nothing found" not in text_of(page)


def test_what_is_being_deleted_is_not_shown(client, ann):
    say(ann, "My secret zebra")
    Conversation.objects.update(removed_at=clock.now())
    page = ask(client, q="zebra")
    assert "Deleted by the user." in text_of(page)
    assert "secret" not in page.text


@pytest.mark.parametrize("name", ["x", "f" * 24, "1"])
def test_a_message_that_is_not_there_is_not_found(client, name):
    assert client.get(f"{SEARCH}/{name}").status_code == 404


@pytest.mark.parametrize("roles", [[], ["support"], ["reviewer"]])
def test_only_those_who_may_read_messages_search_them(client, ann, roles):
    answer = say(ann, "zebras")
    sign_in(client, make_user(roles=roles))
    assert ask(client, q="zebras").status_code == client.get(f"{SEARCH}/{answer.id}").status_code == 403
    assert searches() == 0
