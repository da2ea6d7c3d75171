"""Making and changing assistants: who may, what they may be, two at once, and what a change means for the chat."""

import pytest

from app.models.assistant import Assistant
from app.models.audit_event import AuditEvent
from app.models.domain_error import (
    AssistantUnavailable,
    ChangedByOther,
    Forbidden,
    InvalidInput,
    LastAssistant,
    NotFound,
)
from app.models.message import Message
from app.services import answers, assistant_changes, assistants
from app.services.token_count import count
from tests.chatting import announced, charges, make_talker
from tests.effects import outcome
from tests.factories import OPERATOR, actor_of, make_admin, make_user

FACTS = {
    "name": "Careful",
    "model": "gpt-4o-mini",
    "system_prompt": "Be careful.",
    "max_answer_tokens": 800,
    "price": 1_500,
    "active": True,
}


@pytest.fixture
def adam():
    return actor_of(make_admin(name="Adam"))


@pytest.fixture
def demo():
    assistants.ensure_default()
    return assistant_changes.get(1)


def facts_of(assistant):
    return {name: getattr(assistant, name) for name in FACTS}


def test_a_new_one_has_the_next_number_and_stands_in_the_trail(demo, adam):
    made = assistant_changes.create(**FACTS, by=adam)
    assert (made.number, made.version, made.due, facts_of(made)) == (2, 1, [], FACTS)
    assert [one.number for one in assistant_changes.listed()] == [1, 2]
    event = AuditEvent.objects.get(action="assistant.create")
    assert (event.object, event.before, event.after) == (
        {"kind": "assistant", "id": "2", "number": 2},
        {},
        FACTS,
    )
    assert event.actor["name"] == "Adam"


def test_the_first_one_is_number_1(adam):
    assert assistant_changes.create(**FACTS, by=adam).number == 1


def test_many_made_at_once_have_numbers_of_their_own(demo, adam, threads):
    made = threads(lambda _: assistant_changes.create(**FACTS, by=adam).number, 8)
    assert sorted(made) == list(range(2, 10))


def test_a_change_stands_in_the_trail_with_before_and_after(demo, adam):
    before = facts_of(demo)
    changed = assistant_changes.edit(demo, **FACTS, version=1, by=adam)
    assert (changed.version, changed.due, facts_of(changed)) == (2, [], FACTS)
    event = AuditEvent.objects.get(action="assistant.edit")
    assert (event.object["number"], event.before, event.after) == (1, before, FACTS)


WRONG = [
    ("name", ["", " ", "\u200b", "x" * 101, "a\nb", None, 5]),
    ("model", ["", "x" * 201, "a\nb", None]),
    ("system_prompt", ["x" * 4_001, "\x00", None, {}]),
    ("max_answer_tokens", [0, -1, 1_000_001, 1.5, True, "800", None]),
    ("price", [0, -1, 1_000_001, 1.5, True, "1", None]),
]


def test_what_it_may_not_be_is_refused_by_field(demo, adam):
    for field, values in WRONG:
        for value in values:
            facts = {**FACTS, field: value}
            for attempt in (
                lambda facts=facts: assistant_changes.create(**facts, by=adam),
                lambda facts=facts: assistant_changes.edit(demo, **facts, version=1, by=adam),
            ):
                with pytest.raises(InvalidInput) as error:
                    attempt()
                assert set(error.value.errors) == {field}, (field, value)
    assert [one.version for one in assistant_changes.listed()] == [1]


def test_there_is_an_end_to_the_list(demo, adam, monkeypatch):
    monkeypatch.setattr(assistant_changes, "MOST", 2)
    assistant_changes.create(**FACTS, by=adam)
    with pytest.raises(InvalidInput, match="There are 2 assistants already"):
        assistant_changes.create(**FACTS, by=adam)


@pytest.mark.parametrize("roles", [[], ["support"], ["reviewer"]])
def test_only_those_who_manage_settings_change_them(demo, roles):
    by = actor_of(make_user(roles=roles))
    for attempt in (
        lambda: assistant_changes.create(**FACTS, by=by),
        lambda: assistant_changes.edit(demo, **FACTS, version=1, by=by),
    ):
        with pytest.raises(Forbidden):
            attempt()
    assert [one.version for one in assistant_changes.listed()] == [1]


def test_of_many_who_change_one_at_once_one_does(demo, adam, threads):
    def change(i):
        return outcome(assistant_changes.edit, demo, **{**FACTS, "name": f"N{i}"}, version=1, by=adam)

    outcomes = threads(change, 8)
    assert sorted(outcomes) == ["ChangedByOther"] * 7 + ["done"]
    assert assistant_changes.get(1).name == f"N{outcomes.index('done')}"
    assert AuditEvent.objects(action="assistant.edit").count() == 1


def test_whoever_comes_with_an_older_version_changes_nothing(demo, adam):
    now = assistant_changes.edit(demo, **FACTS, version=1, by=adam)
    for read in (demo, now):
        with pytest.raises(ChangedByOther):
            assistant_changes.edit(read, **{**FACTS, "name": "Never"}, version=1, by=adam)
    assert assistant_changes.get(1).name == "Careful"


def test_one_that_is_not_there_is_not_found():
    with pytest.raises(NotFound):
        assistant_changes.get(7)


# --- the last one that answers ----------------------------------------------------------------------------------------


def test_the_last_active_one_is_switched_off_only_where_that_is_meant(demo, adam):
    off = {**FACTS, "active": False}
    with pytest.raises(LastAssistant):
        assistant_changes.edit(demo, **off, version=1, by=adam)
    assert assistants.answering().number == 1
    assistant_changes.edit(demo, **off, version=1, may_be_last=True, by=adam)
    with pytest.raises(AssistantUnavailable):
        assistants.answering()


def test_where_another_answers_nobody_has_to_say_that_it_is_meant(demo, adam):
    assistant_changes.create(**FACTS, by=adam)
    assistant_changes.edit(demo, **{**FACTS, "active": False}, version=1, by=adam)
    assert assistants.answering(1).number == 2


def test_one_that_is_off_may_be_changed_while_nobody_answers(demo, adam):
    off = assistant_changes.edit(demo, **{**FACTS, "active": False}, version=1, may_be_last=True, by=adam)
    assert (
        assistant_changes.edit(off, **{**FACTS, "active": False, "name": "Still off"}, version=2, by=adam).version == 3
    )


# --- the price --------------------------------------------------------------------------------------------------------


def test_a_new_price_holds_for_answers_that_begin_later(demo):
    user = make_talker()
    begun = announced(user)
    assistant_changes.edit(demo, **{**FACTS, "price": 9_000}, version=1, by=OPERATOR)
    list(answers.write(begun, ["one two three"]))
    ended = Message.objects.get(id=begun.id)
    assert ended.price == 1_000
    assert charges(user.id) == [ended.prompt_tokens + count("one two three")]
    assert Assistant.objects.get(number=1).price == 9_000
