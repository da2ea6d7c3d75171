"""The first assistant gets the model of the settings, and keeps what an admin has made of it."""

import pytest

from app.migrations import m2026_11_21_default_assistant as migration
from app.models.assistant import Assistant
from app.services import assistants


@pytest.mark.parametrize("times", [1, 2])
def test_an_untouched_one_becomes_what_a_new_installation_begins_with(times):
    old = Assistant(
        number=1, name=migration.OLD_NAME, model="demo", system_prompt=migration.OLD_PROMPT, max_answer_tokens=500
    ).save()
    for _ in range(times):
        migration.run()
    migrated = Assistant.objects.get()
    old.delete()
    assistants.ensure_default()
    new = Assistant.objects.get()
    assert (migrated.name, migrated.model, migrated.system_prompt) == (new.name, new.model, new.system_prompt)
    assert migrated.max_answer_tokens == 500


def test_what_somebody_has_changed_stays():
    Assistant(number=1, name="Bob", model="gpt-5", system_prompt="Be Bob.", max_answer_tokens=500).save()
    Assistant(number=2, name=migration.OLD_NAME, model="demo", system_prompt="", max_answer_tokens=500).save()
    migration.run()
    bob, other = Assistant.objects.order_by("number")
    assert (bob.name, bob.model, bob.system_prompt) == ("Bob", "gpt-5", "Be Bob.")
    assert (other.name, other.model, other.system_prompt) == (migration.OLD_NAME, "default", "")
