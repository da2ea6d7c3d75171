"""Whether each message that was answered is stored with its answer, and each answer charged once."""

from collections import defaultdict
from collections.abc import Iterator

from app.models.message import Message, Role, Status
from app.models.user import User
from app.services import account_commit, token_accounts
from app.services.token_count import cost, count
from tests.faults.load import Said
from tests.faults.tally import DONE, Tally, count_attempts


def tally(said: list[Said]) -> Tally:
    """Messages by the keys that they were sent with, and what their answers cost."""
    found = count_attempts("chat answer", said)
    for one in said:
        stored = list(Message.objects(user=one.user, key=one.key))
        questions = [message for message in stored if message.role == Role.USER]
        answers = [message for message in stored if message.role == Role.ASSISTANT]
        if len(questions) > 1 or len(answers) > 1:
            found.doubled.append(f"{one} has {len(questions)} questions and {len(answers)} answers")
        if answers and one.status not in (DONE, None):
            found.doubled.append(f"{one} was refused, and answered")
        if one.status == DONE and not _is_kept(one, questions, answers):
            found.lost.append(f"{one}, of which there is {[message.to_mongo().to_dict() for message in stored]}")
    for user in _talkers():
        _check_charges(user, found)
    return found


def _is_kept(said: Said, questions: list[Message], answers: list[Message]) -> bool:
    """Whether the question and its answer are there, the answer as it was seen."""
    if [question.text for question in questions] != [said.text] or [str(one.id) for one in answers] != [said.answer]:
        return False
    # Whoever was answered at the first try was answered in full.
    if said.tries == 1 and not (said.finished and answers[0].status == Status.DONE):
        return False
    return said.cost in (None, answers[0].tokens_charged)


def _check_charges(user: User, found: Tally) -> None:
    """Each answer of the user closes its hold once, with what its text costs; no hold is closed for anything else."""
    entries = list(account_commit.entries().find({"account": user.id}))
    holds = {entry["_id"]: entry["key"] for entry in entries if entry["type"] == "hold"}
    closed: dict[str, list[int]] = defaultdict(list)
    for entry in entries:
        if (hold := entry.get("reference", {}).get("hold")) in holds:
            closed[holds[hold]].append(-entry["amount"])
    for answer in Message.objects(user=user.id, role=Role.ASSISTANT):
        amounts = closed.pop(f"message:{answer.id}", [])
        expected = cost(answer.prompt_tokens + count(answer.text), answer.price) if answer.text else 0
        if len(amounts) > 1:
            found.doubled.append(f"answer {answer.id} was charged {amounts}")
        # Without a hold it got no further than being announced.
        elif amounts != ([expected] if answer.hold_id else []) or (answer.tokens_charged or 0) != expected:
            found.lost.append(f"answer {answer.id} was charged {amounts} and says {answer.tokens_charged}")
    found.doubled += [f"{key} was charged {amounts} for no answer" for key, amounts in closed.items()]


def problems() -> Iterator[str]:
    """Answers that nobody will end, and holds that no answer explains."""
    for message in Message.objects(status=Status.STREAMING):
        yield f"answer {message.id} is still being written"
    failed = Message.objects(role=Role.ASSISTANT, status=Status.FAILED, hold_id=None)
    # Their processes were killed before they could note the hold; such a hold ends by itself.
    explained = {f"message:{message.id}" for message in failed}
    for user in _talkers():
        holds = account_commit.entries().find({"account": user.id, "type": "hold"})
        keys = {entry["_id"]: entry["key"] for entry in holds}
        for hold in token_accounts.view(user.id).holds:
            if keys.get(hold.id) not in explained:
                yield f"hold {hold.id} of {user.email} is left for {keys.get(hold.id)}"


def _talkers() -> list[User]:
    return list(User.objects(id__in=Message.objects.distinct("user")))
