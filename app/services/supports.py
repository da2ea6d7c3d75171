"""Supporting somebody else's listing request instead of sending the same once more."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from app import clock
from app.models.actor import Actor
from app.models.domain_error import N_, Forbidden, UserInactive
from app.models.support import Support
from app.models.token_request import ListingRequest, Status
from app.models.user import User
from app.services import notifications, token_requests

# The most that a page counts to, and how many are told at once.
MOST_COUNTED = 10_000
BATCH = 1_000


def support(user: User, number: int, *, by: Actor) -> int:
    """Counts `user` among the supporters of the open request #`number`, once; returns how many there are then.

    Raises `NotFound` where it is nothing that can be supported, `AlreadyDecided`, `UserInactive`, or `Forbidden` for its owner.
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
    # Whoever decided before this was counted did not tell this user, so this user hears of it now.
    return count(_open(number))


def count(token_request: ListingRequest) -> int:
    """How many support what the request asks for now; counting stops at `MOST_COUNTED`."""
    if not token_request.slot:
        return 0
    return int(Support._get_collection().count_documents(_of(token_request), limit=MOST_COUNTED))


def does(user_id: ObjectId, token_request: ListingRequest) -> bool:
    """Whether the user is among them."""
    return Support._get_collection().find_one({**_of(token_request), "user": user_id}, {"_id": 1}) is not None


def tell(*, key: str, at: datetime, request: ObjectId, status: str) -> None:
    """Tells all supporters of a request what became of it: a verb of `due`, of which each hears once."""
    token_request = ListingRequest.objects.get(id=request)
    listed = status == Status.APPROVED
    supporters = (one["user"] for one in Support._get_collection().find(_of(token_request), {"user": 1}))
    for some in _batches(supporters):
        notifications.notify_all(
            key=key,
            users=some,
            kind="supported_listed" if listed else "supported_closed",
            values={"number": token_request.number, "symbol": token_request.token_symbol},
            url="/catalogue" if listed else "",
            at=at,
        )


def _open(number: int) -> ListingRequest:
    token_request = token_requests.by_number(number)
    if not isinstance(token_request, ListingRequest) or not token_request.slot:
        raise token_requests.not_there()
    if not token_request.is_open:
        raise token_requests.already_decided(token_request)
    return token_request


def _of(token_request: ListingRequest) -> dict[str, object]:
    return {"request": token_request.id, "slot": token_request.slot}


def _batches(users: Iterable[ObjectId]) -> Iterator[list[ObjectId]]:
    users = iter(users)
    while some := list(islice(users, BATCH)):
        yield some
