"""The assistants that answer in the chat."""

from contextlib import suppress

from flask import current_app
from pymongo.errors import DuplicateKeyError

from app.models.assistant import Assistant
from app.models.domain_error import AssistantUnavailable

# What an assistant's model is called where it is whichever one the settings name.
DEFAULT_MODEL = "default"


def ensure_default() -> None:
    """Puts an assistant there as number 1, unless there is a number 1; safe twice, also at once."""
    assistant = Assistant(
        number=1,
        name="Assistant",
        model=DEFAULT_MODEL,
        system_prompt="You are a friendly assistant. Answer briefly, in the language of the question, as Markdown.",
        max_answer_tokens=1_000,
    )
    assistant.validate()
    with suppress(DuplicateKeyError):
        Assistant._get_collection().insert_one(assistant.to_mongo().to_dict())


def model_of(assistant: Assistant) -> str:
    """The name by which the chat's server knows the assistant's model."""
    is_default = assistant.model == DEFAULT_MODEL
    return current_app.config["CHAT_MODEL"] if is_default else assistant.model


def is_active(number: object) -> bool:
    """Whether this is the number of an assistant that answers; it may be anything that a caller has sent."""
    return type(number) is int and number in list(Assistant.objects.active().scalar("number"))


def answering(number: int | None = None) -> Assistant:
    """Assistant `number` while it is active, else the first active one; `AssistantUnavailable` where there is none."""
    active = list(Assistant.objects.active())
    for assistant in active:
        if assistant.number == number:
            return assistant
    if not active:
        raise AssistantUnavailable
    return active[0]
