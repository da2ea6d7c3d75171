"""Finding requests: one, a user's own, and what the desk lists."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bson import ObjectId

from app.models.domain_error import N_, AlreadyDecided, NotFound
from app.models.object_id import object_id
from app.models.token_request import TokenRequest

_NUMBER = re.compile(r"[0-9]{1,15}")


def by_id(request_id: ObjectId) -> TokenRequest:
    """The request with this id."""
    return _found(TokenRequest.objects(id=request_id).first())


def by_number(number: int) -> TokenRequest:
    """The request that people call #`number`."""
    return _found(TokenRequest.objects(number=number).first())


def by_numbers(numbers: Iterable[int]) -> dict[int, TokenRequest]:
    """The requests with these numbers, by number; those that are not there are left out."""
    return {one.number: one for one in TokenRequest.objects(number__in=list(numbers))}


def find(reference: str, *, kind: str | None = None) -> TokenRequest:
    """The request that a number or an id names, if it is of the kind, where one is given."""
    found = None
    if _NUMBER.fullmatch(reference):
        found = TokenRequest.objects(number=int(reference)).first()
    elif known := object_id(reference):
        found = TokenRequest.objects(id=known).first()
    return _found(found if found and kind in (None, found.kind) else None)


def by_references(references: Sequence[str], *, kind: str) -> dict[str, int]:
    """The numbers of the requests of the kind that numbers and ids name, by these; those that are not there are left out."""
    numbers = {one: int(one) for one in references if _NUMBER.fullmatch(one)}
    ids = {one: known for one in references if (known := object_id(one))}
    either = [{"number": {"$in": list(numbers.values())}}, {"_id": {"$in": list(ids.values())}}]
    found = list(TokenRequest._get_collection().find({"kind": kind, "$or": either}, {"number": 1}))
    there, number_of = {one["number"] for one in found}, {one["_id"]: one["number"] for one in found}
    by_number = {one: number for one, number in numbers.items() if number in there}
    return by_number | {one: number_of[known] for one, known in ids.items() if known in number_of}


def own(user_id: ObjectId, number: int) -> TokenRequest:
    """A user's own request; somebody else's is not found."""
    return _found(TokenRequest.objects(number=number, user=user_id).first())


def says(token_request: TokenRequest, words: Mapping[str, Any]) -> bool:
    """Whether the request says just this: what its form gives, by the names of its fields."""
    return all(getattr(token_request, name) == value for name, value in words.items())


def repeated(user_id: ObjectId, number: int | None, words: Mapping[str, Any]) -> TokenRequest | None:
    """The user's own open request of that number, where it says just this: sending it once more has changed nothing."""
    found = TokenRequest.objects(number=number, user=user_id).first() if number else None
    return found if found and found.is_open and says(found, words) else None


def mine(
    user_id: ObjectId, *, kind: str | None = None, before: int | None = None, limit: int = 50
) -> list[TokenRequest]:
    """A user's requests, newest first; `before` is the number of the last one on the page before this one."""
    found = TokenRequest.objects.of(user_id).newest_first()
    if kind:
        found = found.filter(kind=kind)
    return list((found.filter(number__lt=before) if before else found).limit(limit))


def stuck(limit: int = 50) -> list[TokenRequest]:
    """The newest requests of which something that follows from a decision could not be done, `limit` at most."""
    return list(TokenRequest.objects.stuck().newest_first().limit(limit))


def all_stuck() -> Iterator[TokenRequest]:
    """All of them, newest first, read as they are gone through; some may be mended meanwhile."""
    # A query set would keep each that it has read.
    yield from TokenRequest.objects.stuck().newest_first().no_cache()


def already_decided(token_request: TokenRequest) -> AlreadyDecided:
    """The refusal that says who brought the request to where it stands, and when."""
    last = token_request.history[-1]
    return AlreadyDecided(
        number=token_request.number, status=token_request.status, by=last["by"]["name"], at=last["at"]
    )


def not_there() -> NotFound:
    """The refusal where there is no such request."""
    return NotFound(N_("Request not found"))


def _found(token_request: TokenRequest | None) -> TokenRequest:
    if token_request is None:
        raise not_there()
    return token_request
