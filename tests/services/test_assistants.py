"""Which assistant answers."""

import pytest

from app.models.assistant import Assistant
from app.models.domain_error import AssistantUnavailable
from app.services import assistants


def make_assistant(number, **values):
    return Assistant(number=number, name=f"No. {number}", model="m", max_answer_tokens=100, **values).save()


def test_the_demo_assistant_is_made_once_also_by_many_at_once(threads):
    assert threads(lambda _: assistants.ensure_default(), 20) == [None] * 20
    assert [assistant.number for assistant in Assistant.objects] == [1]


def test_making_the_demo_assistant_leaves_a_changed_one_as_it_is():
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


def test_nobody_answers_where_none_is_active():
    make_assistant(1, active=False)
    with pytest.raises(AssistantUnavailable):
        assistants.answering()
