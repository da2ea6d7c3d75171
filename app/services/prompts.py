"""What an assistant is sent with a question, and how long its answer may be, as settings and account allow."""

from dataclasses import dataclass
from typing import Any

from flask import current_app

from app.models.account import Account
from app.models.assistant import Assistant
from app.models.conversation import Conversation
from app.models.domain_error import InsufficientTokens
from app.models.message import Message, Role
from app.services import account_reading
from app.services.token_count import affordable, cost, count


@dataclass(frozen=True, slots=True)
class Plan:
    """`prompt` is `{role, content}` each, the question last; amounts are the assistant's tokens, before its price."""

    assistant: Assistant
    prompt: list[dict[str, str]]
    prompt_tokens: int
    max_tokens: int

    @property
    def most_it_costs(self) -> int:
        """What is held for the answer."""
        return cost(self.prompt_tokens + self.max_tokens, self.assistant.price)


def is_out_of_tokens(account: Account) -> bool:
    """Whether so little is available that nothing is sent to an assistant any more."""
    return account_reading.policy().is_out(account.available)


def plan(account: Account, assistant: Assistant, text: str, *, key: str, conversation: Conversation | None) -> Plan:
    """The plan for the question `text`; raises `InsufficientTokens` where it and some answer cannot be paid for."""
    refusal: dict[str, Any] = {"available": account.available, "resets_at": account.period_end}
    least = current_app.config["CHAT_MIN_TOKENS"]
    if is_out_of_tokens(account):
        raise InsufficientTokens(needed=least, **refusal)
    tokens = affordable(account.available, assistant.price)
    # What was said before must not use up what an answer needs.
    room = min(current_app.config["CHAT_CONTEXT_TOKENS"], tokens - least) - count(assistant.system_prompt) - count(text)
    instructions = [{"role": "system", "content": assistant.system_prompt}] if assistant.system_prompt else []
    earlier = _newest_that_fit(conversation, key, room) if conversation else []
    # The question goes along whether it fits or not.
    prompt = [*instructions, *earlier, _said(Role.USER, text)]
    prompt_tokens = sum(count(one["content"]) for one in prompt)
    if tokens <= prompt_tokens:
        raise InsufficientTokens(needed=cost(prompt_tokens + 1, assistant.price), **refusal)
    return Plan(assistant, prompt, prompt_tokens, min(assistant.max_answer_tokens, tokens - prompt_tokens))


def _newest_that_fit(conversation: Conversation, key: str, room: int) -> list[dict[str, str]]:
    """What was said before the question `key`, back to where `room` tokens end, in the order of time.

    A question goes along with its answer, or neither does: many models take nothing but the two in turn.
    """
    exchanges: list[list[dict[str, str]]] = []
    answers: dict[str, str] = {}
    said = Message.objects.of(conversation.id).ended().filter(key__ne=key).newest_first()
    for message in said.only("key", "role", "text").no_cache():
        if message.role == Role.ASSISTANT:
            answers[message.key] = message.text
        elif answer := answers.pop(message.key, ""):
            room -= count(message.text) + count(answer)
            if room < 0:
                break
            exchanges.append([_said(Role.USER, message.text), _said(Role.ASSISTANT, answer)])
    return [one for exchange in reversed(exchanges) for one in exchange]


def _said(role: Role, text: str) -> dict[str, str]:
    return {"role": role.value, "content": text}
