"""Taking a token out of the catalogue, though its request was approved."""

from app import clock
from app.models.actor import Actor
from app.models.audit_event import Action
from app.models.catalogue_token import CatalogueToken
from app.models.due_item import due_item
from app.models.plain_text import plain_text
from app.services import catalogue, due

LONGEST_REASON = 500


def remove(token: CatalogueToken, *, by: Actor, reason: str) -> CatalogueToken:
    """Takes a token out, with a reason for the trail; it can be asked for again. Raises `NotFound` where it is out already."""
    reason = plain_text(reason, "reason", least=1, most=LONGEST_REASON)
    at, key = clock.now(), f"{token.key}:remove"
    object_ = {"kind": "catalogue_token", "id": str(token.id), "number": token.number}
    audited = {"action": Action.CATALOGUE_REMOVE.value, "actor": by.trail(), "object": object_}
    changes = {"before": {"listed": True}, "after": {"listed": False}, "reason": reason}
    items = [
        due_item(key, "listing.free_slot", at=at, request=token.request),
        due_item(key, "catalogue.publish", at=at),
        due_item(key, "audit", at=at, **audited, **changes),
    ]
    removed = CatalogueToken._get_collection().update_one(
        {"_id": token.id, "listed": True},
        {
            "$set": {"listed": False, "removal": {"by": by.stamp(), "at": at, "reason": reason}},
            "$push": {"due": {"$each": items}},
        },
    )
    if not removed.matched_count:
        raise catalogue.not_there()
    due.perform(CatalogueToken, token.id)
    return CatalogueToken.objects.get(id=token.id)
