"""Supporting somebody else's listing request instead of sending the same once more."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from app import clock
from app.models.actor import Actor
from app.models.domain_error import N_, ChangedMeanwhile, Forbidden, UserInactive
from app.models.due_item import due_item
from app.models.support import Support
from app.models.token_request import ListingRequest
from app.models.user import User
from app.services import notifications, token_requests

# The most that a page counts to, and how many are told at once.
MOST_COUNTED = 10_000
BATCH = 1_000


def support(user: User, number: int, *, by: Actor) -> int:
    """Counts `user` among the supporters of the open request #`number`, once; returns how many there are then.

    Raises `NotFound` where it is nothing that can be supported, `AlreadyDecided`, `ChangedMeanwhile` where it asks for something
    else since a moment ago, `UserInactive`, or `Forbidden` for its owner.
    """
    token_request = _open(number)
    if not user.active:
        raise UserInactive
    if by.person == str(token_request.user) or user.id == token_request.user:
        raise Forbidden(N_("This is your own request: others can support it."))
    mine = Support(request=token_request.id, slot=token_request.slot, user=user.id, at=clock.now())
    mine.validate()
    try:
        Support._get_collection().insert_one(mine.to_mongo().to_dict())
    except DuplicateKeyError:
        return count(token_request)
    # Whoever decided or edited it before this was counted did not tell this user, so this user hears of it now.
    now = _open(number)
    if now.slot != token_request.slot:
        raise ChangedMeanwhile(number=number)
    return count(now)


def count(token_request: ListingRequest) -> int:
    """How many support what the request asks for now; counting stops at `MOST_COUNTED`."""
    if not token_request.slot:
        return 0
    return int(Support._get_collection().count_documents(_of(token_request), limit=MOST_COUNTED))


def does(user_id: ObjectId, token_request: ListingRequest) -> bool:
    """Whether the user is among them."""
    return Support._get_collection().find_one({**_of(token_request), "user": user_id}, {"_id": 1}) is not None


def news(token_request: ListingRequest, *, key: str, at: datetime, listed: bool) -> dict[str, Any]:
    """What is due to those who support what the request asks for now, when it ends or goes on to ask for something else."""
    values = {"number": token_request.number, "symbol": token_request.token_symbol}
    return due_item(key, "supporters.tell", at=at, **_of(token_request), values=values, listed=listed)


def tell(*, key: str, at: datetime, request: ObjectId, slot: str, values: Mapping[str, Any], listed: bool) -> None:
    """Tells all who supported a request for what is in `slot` what became of it: a verb of `due`, of which each hears once."""
    supporters = Support._get_collection().find({"request": request, "slot": slot}, {"user": 1})
    for some in _batches(one["user"] for one in supporters):
        notifications.notify_all(
            key=key,
            users=some,
            kind="supported_listed" if listed else "supported_closed",
            values=dict(values),
            url=f"/catalogue/{values['number']}" if listed else "",
            at=at,
        )


def forget(request_id: ObjectId) -> None:
    """Removes who supported a request that is removed itself."""
    Support._get_collection().delete_many({"request": request_id})


def _open(number: int) -> ListingRequest:
    token_request = token_requests.by_number(number)
    if not isinstance(token_request, ListingRequest) or not token_request.slot:
        raise token_requests.not_there()
    if not token_request.is_open:
        raise token_requests.already_decided(token_request)
    return token_request


def _of(token_request: ListingRequest) -> dict[str, Any]:
    return {"request": token_request.id, "slot": token_request.slot}


def _batches(users: Iterable[ObjectId]) -> Iterator[list[ObjectId]]:
    users = iter(users)
    while some := list(islice(users, BATCH)):
        yield some
