"""The chat as JSON."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field, RootModel

from app.models.account import Account
from app.models.assistant import Assistant
from app.models.conversation import Conversation
from app.models.message import Message, Role, Status
from app.routes.api.shapes import Id, Instant, Shape, one_of


class Ended(Shape):
    """An answer that has ended, without its text."""

    tokens_used: int = Field(examples=[150], description="What it cost.")
    remaining_tokens: int = Field(examples=[49_700])
    conversation_id: Id
    message_id: Id
    status: Annotated[Status, one_of(Status)] = Field(
        examples=["done"], description="stopped: it broke off, and what there is of it was charged."
    )


class Text(Shape):
    """What was answered."""

    answer: str = Field(description="Markdown.")


class Answered(Ended, Text):
    """An answer with its text."""


class Said(Shape):
    """A message of a conversation."""

    id: Id
    role: Role
    text: str
    status: Annotated[Status, one_of(Status)]
    tokens_used: int | None = Field(description="What an answer cost, once that is known.")
    created_at: Instant


class ConversationShape(Shape):
    """A conversation."""

    id: Id
    title: str
    agent_id: int = Field(examples=[1], description="The assistant that answers.")
    created_at: Instant
    last_message_at: Instant


class ConversationWithMessages(ConversationShape):
    """A conversation with what was said in it, newest first."""

    messages: list[Said]


class Conversations(RootModel[list[ConversationShape]]):
    """Conversations, the one in which something was said last first."""


class AssistantShape(Shape):
    """Who answers in the chat."""

    id: int = Field(examples=[1])
    name: str = Field(examples=["Assistant"])
    max_answer_tokens: int = Field(examples=[1_000])
    price: int = Field(examples=[1_000], description="In thousandths of a token for each token.")


class Assistants(RootModel[list[AssistantShape]]):
    """Those that answer now."""


def ended(answer: Message, account: Account) -> Ended:
    """After the last event of a stream."""
    return Ended(
        tokens_used=_cost(answer),
        remaining_tokens=account.available,
        conversation_id=str(answer.conversation),
        message_id=str(answer.id),
        status=answer.status,
    )


def answered(answer: Message, account: Account) -> Answered:
    """The answer in one piece."""
    return Answered(answer=answer.text, **ended(answer, account).model_dump())


def conversations(listed: Iterable[Conversation]) -> Conversations:
    """A page of the list."""
    return Conversations([ConversationShape(**_facts(one)) for one in listed])


def conversation(shown: Conversation, said: Iterable[Message]) -> ConversationWithMessages:
    """One with a page of its messages."""
    return ConversationWithMessages(**_facts(shown), messages=[_said(one) for one in said])


def assistants(listed: Iterable[Assistant]) -> Assistants:
    """Those that can be chosen."""
    return Assistants(
        [
            AssistantShape(id=one.number, name=one.name, max_answer_tokens=one.max_answer_tokens, price=one.price)
            for one in listed
        ]
    )


def _cost(answer: Message) -> int:
    """What an answer that has ended was charged, or is about to be."""
    if answer.tokens_charged is not None:
        return int(answer.tokens_charged)
    return sum(item["arguments"]["tokens"] for item in answer.due)


def _facts(shown: Conversation) -> dict[str, object]:
    return {
        "id": str(shown.id),
        "title": shown.title,
        "agent_id": shown.assistant,
        "created_at": shown.created_at,
        "last_message_at": shown.last_message_at,
    }


def _said(message: Message) -> Said:
    return Said(
        id=str(message.id),
        role=message.role,
        text=message.text,
        status=message.status,
        tokens_used=message.tokens_charged,
        created_at=message.created_at,
    )
