"""The built-in assistant: its answers fit the question and its language, and say what it is."""

import pytest

from app.services import demo_assistant
from app.services.token_count import count

EVERY_ANSWER = [text for _pattern, *texts in demo_assistant.TOPICS for text in texts] + [
    text for texts in demo_assistant.OTHERWISE for text in texts
]


def ask(question, max_tokens=1_000):
    return "".join(demo_assistant.answer([{"role": "user", "content": question}], max_tokens))


@pytest.mark.parametrize("text", EVERY_ANSWER)
def test_every_answer_says_that_it_is_a_demo_and_has_a_usual_length(text):
    assert "demo" in text.lower() or "демо" in text.lower()
    assert 60 <= count(text) <= 250


@pytest.mark.parametrize(
    ("question", "beginning"),
    [
        ("Hello there!", "Hello, and welcome"),
        ("Who are you?", "I am the **demo assistant**"),
        ("What are your prices?", "Here is how tokens work"),
        ("Show me a Python function", "I am a demo and cannot write code"),
        ("Thanks a lot", "You are welcome"),
        ("Привет!", "Здравствуйте"),
        ("Сколько стоит ответ?", "Вот как устроены токены"),
        ("Кто ты?", "Я — **демо-ассистент**"),
    ],
)
def test_an_answer_fits_its_question(question, beginning):
    assert ask(question).startswith(beginning)


@pytest.mark.parametrize("question", ["Why is the sky blue?", "42", "🙂", "```"])
def test_anything_else_is_answered_in_english_and_always_the_same(question):
    assert "demo assistant" in ask(question)
    assert ask(question) == ask(question)


def test_a_question_in_russian_is_answered_in_russian():
    assert "демо-ассистент" in ask("Почему небо голубое, и при чём тут MongoDB?")


def test_the_question_is_the_last_message():
    prompt = [
        {"role": "user", "content": "Привет"},
        {"role": "assistant", "content": "…"},
        {"role": "user", "content": "Hi"},
    ]
    assert "".join(demo_assistant.answer(prompt, 1_000)).startswith("Hello")


@pytest.mark.parametrize("max_tokens", [0, 1, 20])
def test_an_answer_is_cut_off_at_its_maximum(max_tokens):
    assert count(ask("Hello", max_tokens)) <= max_tokens
    assert ask("Hello").startswith(ask("Hello", max_tokens))
