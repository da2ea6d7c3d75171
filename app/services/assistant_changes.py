"""What admins do to assistants: a new one, and changes of one. None is ever removed, since conversations name it."""

from typing import Any, TypedDict, Unpack

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from app.models.actor import Actor
from app.models.assistant import Assistant
from app.models.audit_event import Action
from app.models.domain_error import N_, Busy, ChangedByOther, FieldError, InvalidInput, LastAssistant, NotFound
from app.models.permission import Permission
from app.models.plain_text import plain_line, plain_text
from app.services import audit, due, rights, versions

LONGEST_NAME, LONGEST_MODEL, LONGEST_PROMPT = 100, 200, 4_000
LARGEST_ANSWER, LARGEST_PRICE = 1_000_000, 1_000_000
# More than anybody chooses from; a list to read, not a table.
MOST = 100
# More than one asks for, for each number that somebody else takes at the same moment.
MOST_TRIES = 50


class Facts(TypedDict):
    """What an admin says of an assistant; `price` is in thousandths of a token for each token that the model counts."""

    name: str
    model: str
    system_prompt: str
    max_answer_tokens: int
    price: int
    active: bool


def listed() -> list[Assistant]:
    """All of them, the first one first."""
    return list(Assistant.objects.order_by("number").limit(MOST))


def get(number: int) -> Assistant:
    """The one with this number; raises `NotFound`."""
    found: Assistant | None = Assistant.objects(number=number).first()
    if found is None:
        raise NotFound(N_("There is no such assistant."))
    return found


def create(*, by: Actor, **facts: Unpack[Facts]) -> Assistant:
    """A new one under the next free number, which the insert decides; raises `InvalidInput` by field."""
    rights.check_holds([Permission.SETTINGS_MANAGE], by=by)
    after = _checked(facts)
    for _ in range(MOST_TRIES):
        last = Assistant.objects.order_by("-number").scalar("number").first() or 0
        if last >= MOST:
            raise InvalidInput(N_("There are %(most)s assistants already. Change one that is not used."), most=MOST)
        new = Assistant(number=last + 1, **after)
        new.due = [_audit(new.number, Action.ASSISTANT_CREATE, by, after=after)]
        new.validate()
        try:
            Assistant._get_collection().insert_one(new.to_mongo().to_dict())
        except DuplicateKeyError:
            continue
        due.perform(Assistant, new.number)
        return get(new.number)
    raise Busy


def edit(
    assistant: Assistant, *, version: int, may_be_last: bool = False, by: Actor, **facts: Unpack[Facts]
) -> Assistant:
    """Changes one; a new price is that of answers which begin later, since each carries its own.

    Raises `InvalidInput` by field, `ChangedByOther` where somebody has changed it since `version`, and `LastAssistant`
    where no other is active and `may_be_last` does not say that this is meant.
    """
    rights.check_holds([Permission.SETTINGS_MANAGE], by=by)
    after = _checked(facts)
    if assistant.version != version:
        raise ChangedByOther
    if assistant.active and not after["active"] and not may_be_last:
        _check_another_answers(assistant)
    said = _audit(assistant.number, Action.ASSISTANT_EDIT, by, before=_facts(assistant), after=after)
    return versions.change(assistant, version, after, said)


def _check_another_answers(assistant: Assistant) -> None:
    """Two admins who each switch off another one at the same moment leave none: the list of assistants says so."""
    if Assistant.objects.active().filter(number__ne=assistant.number).first() is None:
        raise LastAssistant


def _checked(facts: Facts) -> dict[str, Any]:
    return {
        "name": plain_line(facts["name"], "name", least=1, most=LONGEST_NAME),
        "model": plain_line(facts["model"], "model", least=1, most=LONGEST_MODEL),
        "system_prompt": plain_text(facts["system_prompt"], "system_prompt", most=LONGEST_PROMPT),
        "max_answer_tokens": _whole(facts["max_answer_tokens"], "max_answer_tokens", LARGEST_ANSWER),
        "price": _whole(facts["price"], "price", LARGEST_PRICE),
        "active": facts["active"] is True,
    }


def _whole(value: int, field: str, most: int) -> int:
    if type(value) is not int or not 1 <= value <= most:
        raise InvalidInput(errors={field: [FieldError(N_("Must be a whole number from 1 to %(most)s."), most=most)]})
    return value


def _facts(assistant: Assistant) -> dict[str, Any]:
    return {name: getattr(assistant, name) for name in Facts.__annotations__}


def _audit(number: int, action: Action, by: Actor, **changes: dict[str, Any]) -> dict[str, Any]:
    changed = {"kind": "assistant", "id": str(number), "number": number}
    return audit.item(f"assistant:{number}:{ObjectId()}", action, by=by, changed=changed, **changes)
