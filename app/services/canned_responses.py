"""Making, changing and removing canned responses; reviewers are offered those for the kind of request before them."""

from collections.abc import Iterable
from typing import Any

from bson import ObjectId

from app import clock
from app.models.actor import Actor
from app.models.audit_event import Action
from app.models.canned_response import CannedResponse
from app.models.domain_error import N_, FieldError, InvalidInput, NotFound
from app.models.permission import Permission
from app.models.plain_text import plain_line, plain_text
from app.services import audit, due, request_kinds, rights, versions
from app.services.review import LONGEST_RESPONSE

LONGEST_TITLE = 100
# More than anybody chooses from; a list to read, not a table.
MOST = 200


def offered(kind: str | None = None) -> list[CannedResponse]:
    """Those for requests of the kind, or all, by title."""
    found = CannedResponse.objects.offered().limit(MOST)
    return [one for one in found if kind is None or not one.kinds or kind in one.kinds]


def get(response_id: ObjectId | str) -> CannedResponse:
    """The one with this id; raises `NotFound`, for a removed one as well."""
    found = CannedResponse.objects.offered().filter(id=response_id).first() if ObjectId.is_valid(response_id) else None
    if found is None:
        raise NotFound(N_("There is no such canned response."))
    return found


def create(*, title: str, text: str, kinds: Iterable[str] = (), by: Actor) -> CannedResponse:
    """A new one; raises `InvalidInput` by field."""
    rights.check_holds([Permission.SETTINGS_MANAGE], by=by)
    if CannedResponse.objects.offered().count() >= MOST:
        too_many = FieldError(N_("There are %(most)s canned responses already. Remove one first."), most=MOST)
        raise InvalidInput(errors={"title": [too_many]})
    facts = _checked(title, text, kinds)
    new = CannedResponse(id=ObjectId(), **facts)
    new.due = [_audit(new, Action.CANNED_RESPONSE_CREATE, by, after=facts)]
    new.validate()
    CannedResponse._get_collection().insert_one(new.to_mongo().to_dict())
    due.perform(CannedResponse, new.id)
    return get(new.id)


def edit(
    response: CannedResponse, *, title: str, text: str, kinds: Iterable[str] = (), version: int, by: Actor
) -> CannedResponse:
    """Changes one; raises `ChangedByOther` where somebody has since the form was opened."""
    rights.check_holds([Permission.SETTINGS_MANAGE], by=by)
    after = _checked(title, text, kinds)
    said = _audit(response, Action.CANNED_RESPONSE_EDIT, by, before=_facts(response), after=after)
    return versions.change(response, version, after, said)


def remove(response: CannedResponse, *, by: Actor) -> None:
    """Takes one out of what is offered; decisions that used it keep its words."""
    rights.check_holds([Permission.SETTINGS_MANAGE], by=by)
    said = _audit(response, Action.CANNED_RESPONSE_REMOVE, by, before=_facts(response))
    versions.change(response, response.version, {"removed_at": clock.now()}, said)


def _checked(title: str, text: str, kinds: Iterable[str]) -> dict[str, Any]:
    chosen = sorted(set(kinds))
    if not set(chosen) <= set(request_kinds.ON_APPROVAL):
        raise InvalidInput(errors={"kinds": [N_("There is no such kind of request.")]})
    return {
        "title": plain_line(title, "title", least=1, most=LONGEST_TITLE),
        "text": plain_text(text, "text", least=1, most=LONGEST_RESPONSE),
        "kinds": chosen,
    }


def _facts(response: CannedResponse) -> dict[str, Any]:
    return {"title": response.title, "text": response.text, "kinds": list(response.kinds)}


def _audit(response: CannedResponse, action: Action, by: Actor, **changes: dict[str, Any]) -> dict[str, Any]:
    changed = {"kind": "canned_response", "id": str(response.id)}
    return audit.item(f"canned_response:{response.id}:{ObjectId()}", action, by=by, changed=changed, **changes)
