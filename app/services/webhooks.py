"""Making, changing and removing webhooks. What they are told is written with each change, by `deliveries.event_item`."""

import base64
import secrets
from collections.abc import Iterable
from typing import Any
from urllib.parse import SplitResult, urlsplit

from bson import ObjectId
from flask import current_app
from pymongo.errors import DuplicateKeyError

from app import clock
from app.models.actor import Actor
from app.models.audit_event import Action
from app.models.domain_error import N_, AlreadyExists, ChangedByOther, FieldError, InvalidInput, NotFound
from app.models.due_item import due_item
from app.models.permission import Permission
from app.models.plain_text import plain_line
from app.models.webhook import Event, Webhook
from app.services import audit, due, outbound, rights, versions

LONGEST_URL = 2_000
# More than anybody looks after.
MOST = 20
# What Standard Webhooks recommend: 24 to 64 bytes.
SECRET_BYTES = 32
PORTS = {"http": 80, "https": 443}
# What the look-up of a host may take while somebody waits for a page.
LOOK_UP_SECONDS = 5


def kept() -> list[Webhook]:
    """All of them, the newest first."""
    return list(Webhook.objects.kept())


def urls(webhook_ids: Iterable[ObjectId]) -> dict[ObjectId, str]:
    """The addresses of all these in one query, removed ones included, for a list that names them."""
    return dict(Webhook.objects(id__in=list(set(webhook_ids))).scalar("id", "url"))


def get(webhook_id: ObjectId | str) -> Webhook:
    """The one with this id; raises `NotFound`, for a removed one as well."""
    found = Webhook.objects.kept().filter(id=webhook_id).first() if ObjectId.is_valid(webhook_id) else None
    if found is None:
        raise NotFound(N_("There is no such webhook."))
    return found


def create(*, url: str, events: Iterable[str], by: Actor, idempotency_key: str | None = None) -> tuple[Webhook, str]:
    """A new one and its secret, which is told here and nowhere else.

    Raises `InvalidInput` by field, and `AlreadyExists` for an `idempotency_key` that has made one.
    """
    rights.check_holds([Permission.SETTINGS_MANAGE], by=by)
    if Webhook.objects.kept().count() >= MOST:
        too_many = FieldError(N_("There are %(most)s webhooks already. Remove one first."), most=MOST)
        raise InvalidInput(errors={"url": [too_many]})
    facts = {"url": _checked_url(url), "events": _checked_events(events)}
    secret = f"whsec_{base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"
    new = Webhook(id=ObjectId(), secret=secret, created_at=clock.now(), **facts)
    new.idempotency_key = idempotency_key or str(new.id)
    new.due = [_audit(new, Action.WEBHOOK_CREATE, by, after=facts)]
    new.validate()
    try:
        Webhook._get_collection().insert_one(new.to_mongo().to_dict())
    except DuplicateKeyError:
        raise AlreadyExists(
            N_("This form has made a webhook already. If you did not copy its secret, remove it and make another one.")
        ) from None
    due.perform(Webhook, new.id)
    return get(new.id), secret


def edit(webhook: Webhook, *, url: str, events: Iterable[str], active: bool, version: int, by: Actor) -> Webhook:
    """Changes one; raises `ChangedByOther` where somebody has since the form was opened, and `InvalidInput`."""
    rights.check_holds([Permission.SETTINGS_MANAGE], by=by)
    # One whose host is gone can still be switched off.
    url = url if url == webhook.url else _checked_url(url)
    after = {"url": url, "events": _checked_events(events), "active": bool(active)}
    said = _audit(webhook, Action.WEBHOOK_EDIT, by, before=_facts(webhook), after=after)
    return versions.change(webhook, version, after, said)


def remove(webhook: Webhook, *, by: Actor) -> None:
    """Tells it nothing any more; what waits for it is given up."""
    rights.check_holds([Permission.SETTINGS_MANAGE], by=by)
    said = _audit(webhook, Action.WEBHOOK_REMOVE, by, before=_facts(webhook))
    versions.change(webhook, webhook.version, {"removed_at": clock.now(), "active": False}, said)


def send_test(webhook: Webhook, *, by: Actor) -> None:
    """Has a worker tell it an event about nothing, as it would any other; raises `ChangedByOther` where it is off."""
    rights.check_holds([Permission.SETTINGS_MANAGE], by=by)
    said = _audit(webhook, Action.WEBHOOK_TEST, by)
    told = due_item(said["key"], "deliver.test_event", at=said["at"], webhook=webhook.id)
    wanted = Webhook._get_collection().update_one(
        {"_id": webhook.id, "active": True, "removed_at": None}, {"$push": {"due": {"$each": [told, said]}}}
    )
    if not wanted.matched_count:
        raise ChangedByOther(N_("This webhook is switched off, so nothing is sent to it."))
    due.perform(Webhook, webhook.id)


def _checked_url(url: str) -> str:
    """The address, whose host is looked up: what is private now is refused now, and again whenever it is called."""
    url = plain_line(url, "url", least=1, most=LONGEST_URL)
    parts = _parts(url)
    # A program that reads addresses otherwise than we do must not find another host in it.
    plain = url.isascii() and url.isprintable() and not set(url) & set(' \\"<>^`{|}')
    if not (parts and plain and parts.scheme in PORTS and parts.hostname and "@" not in parts.netloc):
        raise InvalidInput(errors={"url": [N_("Must be an address that begins with https:// or http://.")]})
    if parts.fragment:
        raise InvalidInput(errors={"url": [N_("Must not have a part after #, which is never sent.")]})
    private = current_app.config["WEBHOOK_ALLOW_PRIVATE"]
    try:
        outbound.addresses(
            parts.hostname, parts.port or PORTS[parts.scheme], allow_private=private, seconds=LOOK_UP_SECONDS
        )
    except outbound.Unknown:
        raise InvalidInput(errors={"url": [N_("There is no such host.")]}) from None
    except outbound.NotPublic:
        raise InvalidInput(
            errors={"url": [N_("This host is not on the public internet. WEBHOOK_ALLOW_PRIVATE would allow it.")]}
        ) from None
    return url


def _parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _port = parts.port  # Read here, as a port that is none shows only then.
    except ValueError:
        return None
    return parts


def _checked_events(events: Iterable[str]) -> list[str]:
    chosen = set(events)
    if not chosen:
        raise InvalidInput(errors={"events": [N_("Choose at least one.")]})
    if not chosen <= set(Event):
        raise InvalidInput(errors={"events": [N_("There is no such event.")]})
    return [event.value for event in Event if event in chosen]


def _facts(webhook: Webhook) -> dict[str, Any]:
    return {"url": webhook.url, "events": list(webhook.events), "active": webhook.active}


def _audit(webhook: Webhook, action: Action, by: Actor, **changes: dict[str, Any]) -> dict[str, Any]:
    return audit.item(f"webhook:{webhook.id}:{ObjectId()}", action, by=by, changed=webhook.as_object(), **changes)
