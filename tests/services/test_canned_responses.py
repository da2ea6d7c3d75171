"""Messages that reviewers choose from: who makes them, what they may say, and two who change one at once."""

import pytest
from bson import ObjectId

from app.models.audit_event import AuditEvent
from app.models.canned_response import CannedResponse
from app.models.domain_error import ChangedByOther, Forbidden, InvalidInput, NotFound
from app.services import canned_responses
from tests.effects import outcome
from tests.factories import OPERATOR, actor_of, make_admin, make_user


@pytest.fixture
def adam():
    return actor_of(make_admin(name="Adam"))


@pytest.fixture
def soon(adam):
    return canned_responses.create(title="Soon", text="Please wait.", kinds=["quota"], by=adam)


def test_one_is_offered_for_its_kinds_and_one_without_kinds_for_all(adam, soon):
    enjoy = canned_responses.create(title="Enjoy", text="Here you are.", by=adam)
    assert [one.id for one in canned_responses.offered()] == [enjoy.id, soon.id]
    assert [one.id for one in canned_responses.offered("quota")] == [enjoy.id, soon.id]
    assert [one.id for one in canned_responses.offered("beta")] == [enjoy.id]


def test_each_change_is_in_the_trail(adam, soon):
    edited = canned_responses.edit(soon, title="Later", text="Not now.", version=1, by=adam)
    canned_responses.remove(edited, by=OPERATOR)
    events = AuditEvent.objects(object__id=str(soon.id)).order_by("id")
    assert [event.action for event in events] == [
        "canned_response.create",
        "canned_response.edit",
        "canned_response.remove",
    ]
    was, now = {"title": "Soon", "text": "Please wait.", "kinds": ["quota"]}, {"title": "Later", "text": "Not now."}
    assert [(event.before, event.after) for event in events] == [
        ({}, was),
        (was, {**now, "kinds": []}),
        ({**now, "kinds": []}, {}),
    ]
    assert [event.actor["name"] for event in events] == ["Adam", "Adam", OPERATOR.name]
    assert CannedResponse.objects.get(id=soon.id).due == []


def test_texts_are_trimmed_and_kinds_are_sorted_without_repeats(adam):
    made = canned_responses.create(
        title=" Soon ", text="\r\nWait.\r\nThen ask.\n", kinds=["quota", "beta", "quota"], by=adam
    )
    assert (made.title, made.text, made.kinds) == ("Soon", "Wait.\nThen ask.", ["beta", "quota"])


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "\u200b"}, "title"),
        ({"title": "x" * 101}, "title"),
        ({"title": "a\nb"}, "title"),
        ({"title": None}, "title"),
        ({"text": ""}, "text"),
        ({"text": " "}, "text"),
        ({"text": "x" * 501}, "text"),
        ({"text": "\x00"}, "text"),
        ({"text": 5}, "text"),
        ({"kinds": ["gift"]}, "kinds"),
        ({"kinds": ["quota", "$ne"]}, "kinds"),
    ],
)
def test_what_it_may_not_say_is_refused_by_field(adam, soon, facts, field):
    facts = {"title": "A", "text": "B", "kinds": [], **facts}
    for attempt in (
        lambda: canned_responses.create(**facts, by=adam),
        lambda: canned_responses.edit(soon, **facts, version=1, by=adam),
    ):
        with pytest.raises(InvalidInput) as error:
            attempt()
        assert set(error.value.errors) == {field}
    assert [one.version for one in canned_responses.offered()] == [1]


def test_the_longest_texts_are_taken(adam):
    made = canned_responses.create(title="x" * 100, text="y" * 500, by=adam)
    assert (len(made.title), len(made.text)) == (100, 500)


def test_there_is_an_end_to_the_list(adam, soon, monkeypatch):
    monkeypatch.setattr(canned_responses, "MOST", 2)
    second = canned_responses.create(title="Second", text="Words.", by=adam)
    with pytest.raises(InvalidInput, match="Remove one first"):
        canned_responses.create(title="Third", text="Words.", by=adam)
    canned_responses.remove(second, by=adam)
    assert canned_responses.create(title="Third", text="Words.", by=adam)


@pytest.mark.parametrize("roles", [[], ["support"], ["reviewer"]])
def test_only_those_who_manage_settings_change_them(soon, roles):
    by = actor_of(make_user(roles=roles))
    for attempt in (
        lambda: canned_responses.create(title="A", text="B", by=by),
        lambda: canned_responses.edit(soon, title="A", text="B", version=1, by=by),
        lambda: canned_responses.remove(soon, by=by),
    ):
        with pytest.raises(Forbidden):
            attempt()
    assert [one.version for one in canned_responses.offered()] == [1]


def test_of_many_who_change_one_at_once_one_does(adam, soon, threads):
    def change(i):
        return outcome(canned_responses.edit, soon, title=f"T{i}", text="B", version=1, by=adam)

    outcomes = threads(change, 8)
    assert sorted(outcomes) == ["ChangedByOther"] * 7 + ["done"]
    now = canned_responses.get(soon.id)
    assert (now.title, now.version) == (f"T{outcomes.index('done')}", 2)
    assert AuditEvent.objects(action="canned_response.edit").count() == 1


def test_whoever_comes_with_an_older_version_changes_nothing(adam, soon):
    canned_responses.edit(soon, title="Later", text="B", version=1, by=adam)
    with pytest.raises(ChangedByOther):
        canned_responses.edit(soon, title="Never", text="B", version=1, by=adam)
    with pytest.raises(ChangedByOther):
        canned_responses.remove(soon, by=adam)
    assert canned_responses.get(soon.id).title == "Later"


def test_a_removed_one_is_not_there_any_more(adam, soon):
    canned_responses.remove(soon, by=adam)
    assert canned_responses.offered() == canned_responses.offered("quota") == []
    with pytest.raises(NotFound):
        canned_responses.get(soon.id)
    with pytest.raises(ChangedByOther):
        canned_responses.edit(soon, title="A", text="B", version=2, by=adam)


@pytest.mark.parametrize("reference", ["", "x", "f" * 24, ObjectId()])
def test_one_that_never_was_is_not_found(reference):
    with pytest.raises(NotFound):
        canned_responses.get(reference)
