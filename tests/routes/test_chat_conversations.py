"""Renaming, deleting and searching conversations on their pages."""

import pytest

from app.models.conversation import Conversation
from app.models.message import Message
from app.services import conversations
from tests.chatting import make_talker, say
from tests.factories import sign_in
from tests.page_client import text_of

NOBODYS = "6b00db0dd0c5e187ff3a69b8"


@pytest.fixture
def user():
    return make_talker()


@pytest.fixture
def client(client, user):
    return sign_in(client, user)


def test_a_conversation_gets_another_title(client, user):
    page = f"/chat/{say(user).conversation}"
    response = client.post(f"{page}/rename", data={"title": "  My <talk> "})
    assert (response.status_code, response.location) == (303, page)
    shown = client.get(page)
    assert "My &lt;talk&gt;</h1>" in shown.text
    assert "The conversation is renamed." in text_of(shown)


@pytest.mark.parametrize("title", ["", "   ", "x" * 81, "a\nb", "bell \x07"])
def test_what_is_no_title_is_refused_in_its_place(client, user, title):
    page = f"/chat/{say(user).conversation}"
    response = client.post(f"{page}/rename", data={"title": title})
    assert response.status_code == 400
    assert 'aria-invalid="true"' in response.text
    assert "Hello</h1>" in response.text
    assert Conversation.objects.get().title == "Hello"


def test_a_conversation_is_deleted_once_that_is_confirmed(client, user):
    page = f"/chat/{say(user).conversation}"
    assert f'action="{page}/delete"' in client.get(page).text
    response = client.post(f"{page}/delete")
    assert (response.status_code, response.location) == (303, "/chat")
    after = client.get("/chat")
    assert "The conversation is deleted." in text_of(after)
    assert page not in after.text
    assert client.get(page).status_code == client.post(f"{page}/delete").status_code == 404
    assert Message.objects.count() == 0


def test_words_lead_to_the_message_in_which_they_are(client, user):
    answer = say(user, "About cats & <dogs>")
    question = conversations.question_of(answer)
    say(make_talker(), "A cat of somebody else")
    page = client.get("/chat/search?q=dog")
    assert page.status_code == 200
    link = f"/chat/{answer.conversation}?message={question.id}#message-{question.id}"
    assert f'href="{link}"' in page.text.replace("&amp;", "&")
    assert "<mark>dogs</mark>&gt;" in page.text
    assert "somebody" not in page.text
    assert 'value="dog"' in page.text


def test_a_message_that_was_found_is_shown_however_long_ago_it_was_said(client, user):
    answer = say(user, "Hello")
    question = conversations.question_of(answer)
    shared = {"user": user.id, "conversation": answer.conversation, "role": "user", "created_at": answer.created_at}
    Message.objects.insert([Message(text=f"Text {n}", key=f"m{n}", **shared) for n in range(60)])
    path = f"/chat/{answer.conversation}"
    assert f'id="message-{question.id}"' not in client.get(path).text
    shown = client.get(f"{path}?message={question.id}")
    assert f'id="message-{question.id}"' in shown.text
    assert "Newest messages" in text_of(shown)
    newest = Message.objects(key="m59").first()
    assert "Newest messages" not in text_of(client.get(f"{path}?message={newest.id}"))
    assert client.get(f"{path}?message={NOBODYS}").status_code == 404
    assert client.get(f"{path}?message=x").status_code == 400


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "Finds titles"),
        ("q=", "Finds titles"),
        ("q=zebra", "Nothing found"),
        ("q=%24ne", "Nothing found"),
        (f"q={'x' * 500}", "Nothing found"),
        ("q=%3Cscript%3E", "Nothing found"),
        ("q=a&q=b", "Nothing found"),
    ],
)
def test_what_finds_nothing_says_what_to_do(client, query, said):
    page = client.get(f"/chat/search?{query}")
    assert (page.status_code, said in text_of(page)) == (200, True)


def test_what_is_not_ones_own_is_not_found(client):
    theirs = say(make_talker(), "A secret").conversation
    for conversation in (theirs, NOBODYS, "x", "%24ne"):
        assert client.post(f"/chat/{conversation}/rename", data={"title": "Mine"}).status_code == 404
        assert client.post(f"/chat/{conversation}/rename", data={"title": ""}).status_code == 404
        assert client.post(f"/chat/{conversation}/delete").status_code == 404
    assert Conversation.objects.get().title == "A secret"


def test_who_is_not_signed_in_is_asked_to(app):
    for method, path in (("GET", "/chat/search?q=x"), ("POST", "/chat/x/rename"), ("POST", "/chat/x/delete")):
        response = app.test_client().open(path, method=method)
        assert (response.status_code, response.location.partition("?")[0]) == (303, "/sign-in")
