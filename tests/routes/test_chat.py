"""The chat's pages: talking, what stands where tokens are out, and what is refused."""

import re

import pytest

from app.models.assistant import Assistant
from app.models.conversation import Conversation
from app.models.message import Message
from app.services import chat, quota_requests, review, token_accounts
from tests.chatting import announced, make_talker, say
from tests.factories import OPERATOR, actor_of, sign_in
from tests.page_client import text_of

NOBODYS = "6b00db0dd0c5e187ff3a69b8"


@pytest.fixture
def user():
    return make_talker()


@pytest.fixture
def client(client, user):
    return sign_in(client, user)


def key_of(response):
    return re.search(r'name="key" value="([^"]+)"', response.text)[1]


def send(client, text="Hello", path="/chat", **values):
    return client.post(path, data={"text": text, "key": "key", **values})


def make_poor(user, available):
    token_accounts.spend(user.id, token_accounts.view(user.id).available - available, by=OPERATOR)


# --- works ------------------------------------------------------------------------------------------------------------


def test_a_new_conversation_begins_with_a_message(client, user):
    page = client.get("/chat")
    assert page.status_code == 200
    assert "demo assistant answers" in text_of(page)
    response = send(client, key=key_of(page))
    answer = Message.objects.get(role="assistant")
    assert response.status_code == 303
    assert response.location == f"/chat/{answer.conversation}#message-{answer.id}"
    talk = client.get(response.location)
    assert f'id="message-{answer.id}"' in talk.text
    assert "<strong>demo assistant</strong>" in talk.text
    assert f"{answer.tokens_charged} tokens" in text_of(talk)


def test_the_balance_in_the_header_is_right_after_each_answer(client, user):
    available = f"{token_accounts.view(user.id).available:,}"
    assert f"{available} tokens available" in client.get("/chat").text
    page = client.get(send(client).location)
    assert available not in page.text
    assert f"{token_accounts.view(user.id).available:,} tokens available" in page.text


def test_a_conversation_goes_on_in_its_own_page(client, user):
    conversation = say(user).conversation
    page = client.get(f"/chat/{conversation}")
    assert f'action="/chat/{conversation}"' in page.text
    assert send(client, "More", f"/chat/{conversation}", key="2").location.startswith(f"/chat/{conversation}#")
    assert "More" in text_of(client.get(f"/chat/{conversation}"))


def test_a_form_sent_twice_is_answered_once(client):
    assert send(client).location == send(client).location
    assert Message.objects.count() == 2


def test_conversations_stand_at_the_side_with_the_open_one_marked(client, user):
    conversation = say(user, "About cats", "1").conversation
    say(user, "About dogs", "2")
    say(make_talker(), "A secret of somebody else")
    page = client.get(f"/chat/{conversation}")
    assert re.search(r'aria-current="page">About cats<', page.text)
    assert "About dogs" in text_of(page)
    assert "secret" not in page.text


def test_long_lists_have_pages(client, user):
    answer = say(user)
    again = {"user": user.id, "assistant": 1, "created_at": answer.created_at, "last_message_at": answer.created_at}
    Conversation.objects.insert([Conversation(title=f"No. {n}", key=f"c{n}", **again) for n in range(60)])
    shared = {"user": user.id, "conversation": answer.conversation, "role": "user", "created_at": answer.created_at}
    Message.objects.insert([Message(text=f"Text {n}", key=f"m{n}", **shared) for n in range(60)])
    page = client.get(f"/chat/{answer.conversation}")
    older, earlier = (
        re.search(r'"(/chat\?before=\w+)"', page.text)[1],
        re.search(r'"(/chat/\w+\?before=\w+)"', page.text)[1],
    )
    assert "Text 59" in page.text
    assert "Text 5<" not in page.text
    assert "No. 5<" in client.get(older).text
    assert "Text 5<" in client.get(earlier).text
    assert "Newest messages" in client.get(earlier).text


def test_an_answer_that_is_being_written_says_so(client, user):
    answer = announced(user)
    page = client.get(f"/chat/{answer.conversation}")
    assert "The answer is being written" in text_of(page)
    assert "data-unfinished" in page.text


@pytest.mark.parametrize(
    ("status", "text", "said"), [("failed", "", "Nothing was charged"), ("stopped", "Ha", "broke off")]
)
def test_an_answer_that_did_not_come_says_so(client, user, status, text, said):
    answer = say(user)
    Message.objects(id=answer.id).update(status=status, text=text)
    assert said in text_of(client.get(f"/chat/{answer.conversation}"))


def test_a_page_needs_six_round_trips(client, user, statements):
    conversation = say(user).conversation
    statements.said.clear()
    client.get(f"/chat/{conversation}")
    # Counting how often somebody calls is the limiter's own.
    said = [statement for statement in statements.said if "rate_limit" not in statement]
    assert len(said) <= 6, said


# --- what strangers write is harmless ---------------------------------------------------------------------------------

HOSTILE = [
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    "[click](javascript:alert(1))",
    "[click](data:text/html;base64,PHNjcmlwdD4=)",
    "![x](https://evil.example/x.png)",
    "<style>body{display:none}</style>",
    '<a href="//evil.example" onclick="x()">x</a>',
    "`<script>alert(1)</script>`",
    "```html\n<script>alert(1)</script>\n```",
    "</li></ol><h1>Mine</h1>",
    "{{ config }} {% raw %}",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_neither_questions_nor_answers_become_code(client, user, text):
    answer = say(user, text)
    Message.objects(id=answer.id).update(text=text)
    page = client.get(f"/chat/{answer.conversation}")
    talk = page.text.partition('class="chat-talk"')[2]
    assert not re.search(r"<(script|img|style|iframe|h1>Mine)", talk)
    # What stands between quotes is the value of something else.
    assert not re.search(r'<[^>"]*("[^"]*"[^>"]*)*\s(onerror|onclick)=', talk)
    assert not re.search(r'href="(javascript|data):', talk)


def test_links_in_an_answer_go_out_without_a_trace(client, user):
    answer = say(user)
    Message.objects(id=answer.id).update(text="See https://example.com and **this**.")
    page = client.get(f"/chat/{answer.conversation}")
    assert '<a href="https://example.com" rel="nofollow noopener noreferrer">' in page.text
    assert "<strong>this</strong>" in page.text


# --- out of tokens ----------------------------------------------------------------------------------------------------


def panel(client):
    page = client.get("/chat")
    assert "You are out of tokens" in text_of(page)
    assert 'name="text"' not in page.text
    return page


def test_few_tokens_are_warned_of(client, user):
    make_poor(user, 999)
    page = client.get("/chat")
    assert "almost out of tokens: 999 left" in text_of(page)
    assert 'name="text"' in page.text


@pytest.mark.parametrize("available", [200, 1_000])
def test_with_enough_for_an_answer_the_box_stays(client, user, available):
    make_poor(user, available)
    assert 'name="text"' in client.get("/chat").text


def test_out_of_tokens_the_box_gives_way_to_asking_for_more(client, user):
    make_poor(user, 199)
    page = panel(client)
    assert "renews in" in text_of(page)
    assert 'href="/requests/new?kind=quota"' in page.text


def test_who_has_asked_sees_the_request_instead(client, user):
    make_poor(user, 0)
    asked = quota_requests.submit(user, reason="More", by=actor_of(user))
    page = panel(client)
    assert f"Request #{asked.number} is being reviewed" in text_of(page)
    assert f'href="/requests/{asked.number}"' in page.text
    assert 'href="/requests/new' not in page.text


def test_who_has_asked_three_times_today_hears_it(client, user):
    make_poor(user, 0)
    for _ in range(3):
        asked = quota_requests.submit(user, reason="More", by=actor_of(user))
        review.withdraw(asked, by=actor_of(user))
    page = panel(client)
    assert "3 of 3" in text_of(page)
    assert 'href="/requests/new' not in page.text


class TestWithoutAnAllowance:
    @pytest.fixture
    def user(self):
        return make_talker(0, tier="prepaid")

    def test_there_is_nothing_to_ask_for(self, client):
        page = panel(client)
        assert "no allowance" in text_of(page)
        assert "renews in" not in text_of(page)
        assert 'href="/requests/new' not in page.text


# --- denied, invalid, not found ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/chat"), ("GET", "/chat/x"), ("POST", "/chat"), ("POST", "/chat/x")]
)
def test_who_is_not_signed_in_is_asked_to(app, method, path):
    response = app.test_client().open(path, method=method)
    assert (response.status_code, response.location.partition("?")[0]) == (303, "/sign-in")


def test_without_a_csrf_token_nothing_is_sent(client):
    assert client.post("/chat", data={"text": "Hello", "key": "key"}, csrf=False).status_code == 400
    assert Message.objects.count() == 0


@pytest.mark.parametrize("text", ["", "   ", "x" * 8_001, "bell \x07"])
def test_what_is_no_message_stays_in_the_box_with_the_reason(client, text):
    response = send(client, text)
    assert response.status_code == 400
    assert 'aria-invalid="true"' in response.text
    assert Message.objects.count() == 0


def test_a_missing_text_is_refused(client):
    assert client.post("/chat", data={"key": "key"}).status_code == 400
    assert Message.objects.count() == 0


@pytest.mark.parametrize("text", ["x" * 8_000, "x\r\n" * 4_000, "🙂" * 8_000])
def test_8000_characters_are_a_message_as_the_form_sends_them(client, text):
    assert 'enctype="multipart/form-data"' in client.get("/chat").text
    sent = client.post("/chat", data={"text": text, "key": "key"}, content_type="multipart/form-data")
    assert sent.status_code == 303


def test_a_message_with_nul_is_refused(client):
    assert send(client, "a\0b").status_code == 400
    assert Message.objects.count() == 0


@pytest.mark.parametrize("key", ["x" * 201, "ключ"])
def test_a_malformed_key_is_refused_and_replaced(client, key):
    response = send(client, "Hello", key=key)
    assert response.status_code == 400
    assert key_of(response) != key
    assert "Hello" in response.text


def test_a_used_key_with_another_text_keeps_the_text_and_gets_a_new_key(client):
    send(client)
    response = send(client, "Changed my mind")
    assert response.status_code == 409
    assert "Changed my mind</textarea>" in response.text
    assert send(client, "Changed my mind", key=key_of(response)).status_code == 303


def test_a_message_that_is_refused_for_want_of_tokens_is_not_lost(client, user):
    make_poor(user, 100)
    response = send(client, "A long thought <b>")
    assert response.status_code == 402
    assert "You are out of tokens" in text_of(response)
    assert "A long thought &lt;b&gt;</textarea>" in response.text


def test_a_message_that_is_too_long_for_the_tokens_stays_in_the_box(client, user):
    make_poor(user, 500)
    response = send(client, "x" * 8_000)
    assert response.status_code == 402
    assert f"{'x' * 8_000}</textarea>" in response.text
    assert "500 available" in text_of(response)


def test_a_busy_process_keeps_the_text_and_the_key(app, monkeypatch, client):
    monkeypatch.setitem(app.config, "CHAT_ANSWERS_AT_ONCE", 0)
    response = send(client)
    assert (response.status_code, key_of(response)) == (503, "key")
    assert "Hello</textarea>" in response.text


def test_without_an_assistant_the_text_is_kept(client):
    Assistant.objects.update(active=False)
    response = send(client)
    assert response.status_code == 503
    assert "Hello</textarea>" in response.text


@pytest.mark.parametrize("conversation_id", ["x", NOBODYS, "0" * 500, "%24ne", "..%2f"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_is_not_there_is_not_found(client, method, conversation_id):
    response = client.open(f"/chat/{conversation_id}", method=method, data={"text": "Hello", "key": "key"})
    assert response.status_code == 404
    assert Message.objects.count() == 0


def test_somebody_elses_conversation_is_not_found(client):
    conversation = say(make_talker(), "A secret").conversation
    assert client.get(f"/chat/{conversation}").status_code == 404
    assert send(client, path=f"/chat/{conversation}").status_code == 404
    assert Message.objects.count() == 2


@pytest.mark.parametrize(("before", "status"), [("x", 400), (NOBODYS, 404)])
def test_a_page_after_nothing_is_refused(client, user, before, status):
    conversation = chat.own(user.id, say(user).conversation)
    assert client.get(f"/chat?before={before}").status_code == status
    assert client.get(f"/chat/{conversation.id}?before={before}").status_code == status
