"""Which assistant answers."""

import pytest

from app.models.assistant import Assistant
from app.models.domain_error import AssistantUnavailable
from app.services import assistants


def make_assistant(number, **values):
    return Assistant(number=number, name=f"No. {number}", model="m", max_answer_tokens=100, **values).save()


def test_the_first_assistant_is_made_once_also_by_many_at_once(threads):
    assert threads(lambda _: assistants.ensure_default(), 20) == [None] * 20
    assert [assistant.number for assistant in Assistant.objects] == [1]


def test_making_the_first_assistant_leaves_a_changed_one_as_it_is():
    assistants.ensure_default()
    Assistant.objects(number=1).update(name="Mine", active=False)
    assistants.ensure_default()
    assert Assistant.objects.get(number=1).name == "Mine"


@pytest.mark.parametrize(("asked", "answers"), [(None, 2), (2, 2), (3, 3), (1, 2), (99, 2)])
def test_the_asked_assistant_answers_while_it_is_active_else_the_first(asked, answers):
    make_assistant(1, active=False)
    make_assistant(3)
    make_assistant(2)
    assert assistants.answering(asked).number == answers


@pytest.mark.parametrize(("model", "asked"), [("default", "the-one-of-the-settings"), ("gpt-5", "gpt-5")])
def test_a_default_model_is_the_one_of_the_settings(app, monkeypatch, model, asked):
    monkeypatch.setitem(app.config, "CHAT_MODEL", "the-one-of-the-settings")
    assert assistants.model_of(Assistant(model=model)) == asked


def test_only_an_active_one_can_be_chosen():
    make_assistant(1, active=False)
    make_assistant(2)
    assert [number for number in (1, 2, 3, True, 2.0, "2", None, [2], 10**30) if assistants.is_active(number)] == [2]


def test_nobody_answers_where_none_is_active():
    make_assistant(1, active=False)
    with pytest.raises(AssistantUnavailable):
        assistants.answering()
