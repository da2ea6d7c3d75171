"""The chat in front of an OpenAI-compatible server that somebody else has written."""

import httpx2
import pytest

from app.models.assistant import Assistant
from app.models.domain_error import AssistantUnavailable
from app.models.message import Message
from app.services import token_accounts, upstream
from app.services.token_count import count
from tests.chatting import charges, make_talker, say
from tests.upstream.conftest import set_chat
from tests.upstream.registry_server import registry_server

LONG = "This sentence will never be said to its end, because it breaks off."
FIXTURES = [
    {
        "match": {"userMessage": "exactly"},
        "response": {
            "content": "Exactly so many, whatever they were.",
            "usage": {"prompt_tokens": 30, "completion_tokens": 12, "total_tokens": 42},
        },
    },
    {"match": {"userMessage": "broken"}, "response": {"content": LONG}, "latency": 5, "truncateAfterChunks": 3},
    {"match": {"userMessage": "busy"}, "response": {"error": {"message": "Slow down"}, "status": 429}},
    {"match": {"userMessage": "down"}, "response": {"error": {"message": "Oops"}, "status": 500}},
    {"match": {"userMessage": "Hello"}, "response": {"content": "Здравствуйте! Чем могу помочь? 🙂"}},
]


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """One server for all tests of this file."""
    with registry_server(tmp_path_factory.mktemp("aimock"), FIXTURES) as url:
        yield url


@pytest.fixture
def user(app, monkeypatch, url):
    set_chat(app, monkeypatch, url)
    return make_talker()


def test_an_answer_is_told_and_charged_as_the_server_says(user, url):
    answer = say(user, "Tell me exactly")
    assert (answer.text, answer.status, answer.failure) == ("Exactly so many, whatever they were.", "done", None)
    assert (answer.tokens_charged, charges(user.id)) == (42, [42])


def test_what_it_says_without_being_told_adds_up_too(user, url):
    answer = say(user)
    assert answer.text == "Здравствуйте! Чем могу помочь? 🙂"
    told = journal(url)[-1]["body"]
    assert [one["role"] for one in told["messages"]] == ["system", "user"]
    assert 0 < answer.tokens_charged < 2 * (answer.prompt_tokens + 1_000)
    account = token_accounts.view(user.id)
    assert (account.available, account.held) == (150_000 - answer.tokens_charged, 0)


def test_one_that_breaks_off_is_charged_what_it_said(user):
    answer = say(user, "Be broken")
    assert (answer.status, answer.failure) == ("stopped", "broken_off")
    assert LONG.startswith(answer.text)
    assert charges(user.id) == [answer.prompt_tokens + count(answer.text)]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("busy", {"failure": "busy", "retry_after": 1}),
        ("down", {"failure": "unavailable"}),
        ("what it does not know", {"failure": "refused"}),
    ],
)
def test_one_that_does_not_answer_costs_nothing(user, text, values):
    with pytest.raises(AssistantUnavailable) as refusal:
        say(user, text)
    assert (refusal.value.values, charges(user.id)) == (values, [])
    assert Message.objects.get(role="assistant").status == "failed"


def test_its_models_are_known(user):
    Assistant.objects.update(model="gpt-4o")
    assert "gpt-4o" in upstream.models()


def journal(url):
    answer = httpx2.get(f"{url.removesuffix('/v1')}/__aimock/journal", trust_env=False)
    return [one for one in answer.json() if one["path"] == "/v1/chat/completions"]
