"""The pages of the assistants."""

import pytest

from app.models.assistant import Assistant
from app.services import assistant_changes
from tests.factories import OPERATOR, make_admin, make_user, sign_in
from tests.page_client import text_of

LIST, NEW, ONE = "/admin/assistants", "/admin/assistants/new", "/admin/assistants/1"


@pytest.fixture
def client(client):
    Assistant(number=1, name="Demo assistant", model="demo", max_answer_tokens=500).save()
    return sign_in(client, make_admin(name="Adam"))


def filled(**more):
    facts = {
        "name": "Careful",
        "model": "gpt-4o-mini",
        "system_prompt": "Be careful.",
        "max_answer_tokens": "800",
        "price": "1500",
        "active": "y",
        "version": "1",
    }
    return {name: value for name, value in {**facts, **more}.items() if value is not None}


def test_the_list_has_them_with_model_limit_price_and_state(client):
    text = text_of(client.get(LIST))
    assert "1 assistant" in text
    assert "1 Demo assistant demo Longest answer: 500 tokens 1 token for each token Active" in text


def test_a_new_one_is_added(client):
    page = text_of(client.get(NEW))
    assert "1500 is 1.5 tokens for each token" in page
    response = client.post(NEW, data=filled())
    assert (response.status_code, response.location) == (303, LIST)
    made = assistant_changes.get(2)
    assert (made.name, made.model, made.max_answer_tokens, made.price, made.active) == (
        "Careful",
        "gpt-4o-mini",
        800,
        1_500,
        True,
    )
    text = text_of(client.get(LIST))
    assert "“Careful” is assistant number 2." in text
    assert "1.5 tokens for each token" in text


WRONG = [
    *({"name": name} for name in ("", " ", "x" * 101, "a\nb")),
    *({"model": model} for model in ("", "x" * 201)),
    *({"system_prompt": prompt} for prompt in ("x" * 4_001, "\x07")),
    *({"max_answer_tokens": value} for value in ("", "0", "-1", "1000001", "1.5", "1e3", "٣", "9" * 400)),
    *({"price": value} for value in ("", "0", "1,5", "1000001", "x", None)),
    *({"version": value} for value in ("x", "", None)),
]


def test_a_wrong_field_saves_nothing_and_keeps_what_was_written(client):
    for wrong in WRONG:
        for where in (NEW, ONE):
            page = client.post(where, data=filled(**wrong))
            if where == ONE or "version" not in wrong:
                assert page.status_code == 400, (where, wrong)
                assert "Careful" in page.text or "gpt-4o-mini" in page.text
                if "version" not in wrong:
                    assert "invalid-feedback" in page.text, wrong
    assert Assistant.objects.get(number=1).version == 1


def test_one_is_changed(client):
    assert 'value="Demo assistant"' in client.get(ONE).text
    response = client.post(ONE, data=filled(system_prompt=""))
    assert (response.status_code, response.location) == (303, LIST)
    now = assistant_changes.get(1)
    assert (now.name, now.system_prompt, now.version) == ("Careful", "", 2)


def test_what_somebody_else_has_changed_is_not_overwritten(client):
    facts = {name: getattr(assistant_changes.get(1), name) for name in assistant_changes.Facts.__annotations__}
    assistant_changes.edit(assistant_changes.get(1), **{**facts, "name": "Theirs"}, version=1, by=OPERATOR)
    page = client.post(ONE, data=filled())
    assert page.status_code == 409
    assert "Somebody has changed this since you opened it." in text_of(page)
    assert "Theirs" in text_of(page)
    assert 'value="Careful"' in page.text
    assert assistant_changes.get(1).name == "Theirs"


def test_the_last_one_is_switched_off_after_a_question(client):
    page = client.post(ONE, data=filled(active=None))
    assert page.status_code == 409
    assert "the chat tells everybody that it is unavailable. Nothing is changed yet." in text_of(page)
    assert 'value="Careful"' in page.text
    assert assistant_changes.get(1).version == 1
    assert client.post(ONE, data=filled(active=None, may_be_last="y")).status_code == 303
    assert "No assistant is active: the chat tells everybody that it is unavailable." in text_of(client.get(LIST))


@pytest.mark.parametrize("number", ["0", "2", "1000000", "x", "-1"])
def test_one_that_is_not_there_is_not_found(client, number):
    assert (
        client.get(f"{LIST}/{number}").status_code == client.post(f"{LIST}/{number}", data=filled()).status_code == 404
    )


@pytest.mark.parametrize("roles", [[], ["support"], ["reviewer"]])
def test_only_those_who_manage_settings_see_them(client, roles):
    sign_in(client, make_user(roles=roles))
    assert {client.get(where).status_code for where in (LIST, NEW, ONE)} == {403}
    assert {client.post(where, data=filled()).status_code for where in (NEW, ONE)} == {403}
    assert Assistant.objects.get(number=1).version == 1


def test_the_way_there_stands_in_the_navigation(client):
    assert f'href="{LIST}"' in client.get("/admin").text
