"""The assistants that answer in the chat."""

from contextlib import suppress

from pymongo.errors import DuplicateKeyError

from app.models.assistant import Assistant
from app.models.domain_error import AssistantUnavailable

DEMO_MODEL = "demo"


def ensure_default() -> None:
    """Puts the demo assistant there as number 1, unless there is a number 1; safe twice, also at once."""
    demo = Assistant(
        number=1,
        name="Demo assistant",
        model=DEMO_MODEL,
        system_prompt="You are a friendly demo assistant. Answer briefly, and say that you are a demo.",
        max_answer_tokens=500,
    )
    demo.validate()
    with suppress(DuplicateKeyError):
        Assistant._get_collection().insert_one(demo.to_mongo().to_dict())


def answering(number: int | None = None) -> Assistant:
    """Assistant `number` while it is active, else the first active one; `AssistantUnavailable` where there is none."""
    active = list(Assistant.objects.active())
    for assistant in active:
        if assistant.number == number:
            return assistant
    if not active:
        raise AssistantUnavailable
    return active[0]
