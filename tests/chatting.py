"""What the tests of the chat begin with: a user with so many tokens, an answer to be written, what the ledger says."""

from typing import Any

from bson import ObjectId

from app.models.assistant import Assistant
from app.models.message import Message
from app.models.user import User
from app.services import announcements, assistants, chat, ledger, prompts, token_accounts
from tests.factories import OPERATOR, actor_of, make_user


def make_talker(available: int | None = None, **values: Any) -> User:
    """A user who can talk to the demo assistant, with exactly `available` tokens where it is given."""
    assistants.ensure_default()
    user = make_user(**values)
    if available is not None:
        token_accounts.spend(user.id, token_accounts.view(user.id).available - available, by=OPERATOR)
    return user


def say(user: User, text: str = "Hello", key: str = "key", **values: Any) -> Message:
    """Sends a message as the user."""
    return chat.send(user, text=text, key=key, by=actor_of(user), **values)


def announced(user: User, *, held: bool = True) -> Message:
    """An answer of which nothing is written yet, as a process would leave it that died just then."""
    assistant = Assistant.objects.get(number=1)
    plan = prompts.plan(token_accounts.view(user.id), assistant, "Hello", key="key", conversation=None)
    conversation = announcements.begin_conversation(user, assistant, "Hello", "key")
    answer = announcements.announce(conversation, plan, "Hello", "key", actor_of(user))
    if held:
        announcements.hold(answer, plan.most_it_costs, actor_of(user))
    return answer


def charges(user_id: ObjectId) -> list[int]:
    """What the ledger says was charged for answers, the newest first."""
    return [-entry["amount"] for entry in ledger.history(user_id) if entry["description"] == "Chat answer"]
