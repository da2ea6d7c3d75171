"""What a listing request may be a duplicate of, or be taken for: what is listed, what others ask for, what was decided before."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pymongo import DESCENDING
from pymongo.collection import Collection

from app.models.blockchain import BLOCKCHAINS
from app.models.catalogue_token import CatalogueToken
from app.models.lookalike import skeleton
from app.models.search_words import searchable
from app.models.token_request import OPEN, ListingRequest, Status, TokenRequest
from app.models.well_known import WELL_KNOWN, well_known
from app.services import supports

# So many are shown of what is listed, of what is open, and of what was decided.
MOST = 10
DECIDED = (Status.APPROVED, Status.REJECTED, Status.SPAM, Status.REVOKED)


class Reason(StrEnum):
    """Why another token is alike."""

    SAME_ADDRESS = "same_address"
    SAME_ADDRESS_ELSEWHERE = "same_address_elsewhere"
    SAME_SYMBOL = "same_symbol"
    SIMILAR_SYMBOL = "similar_symbol"


@dataclass(frozen=True, slots=True)
class Alike:
    """A token that is like the one asked for; `status` is that of its request, None where it is in the catalogue."""

    number: int
    status: Status | None
    symbol: str
    name: str
    blockchain: str
    contract_address: str | None
    reasons: list[Reason]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a reviewer should know; `alike` has what is listed first, then what is open, `well_known` is (symbol, name).

    `more`: there is more that is alike than is shown.
    """

    alike: list[Alike]
    more: bool
    well_known: tuple[str, str] | None
    supporters: int


def evidence(token_request: ListingRequest) -> Evidence:
    """What is known about the token of a listing request."""
    known = well_known(token_request.token_symbol)
    found: dict[int, Alike] = {}
    more = False
    for some in (_listed(token_request), _asked(token_request, OPEN), _asked(token_request, DECIDED)):
        more = more or len(some) > MOST
        for one in some[:MOST]:
            # The request of a listed token was decided too: its place is with what is listed.
            found.setdefault(one.number, one)
    return Evidence(
        alike=list(found.values()),
        more=more,
        well_known=(known, WELL_KNOWN[known]) if known else None,
        supporters=supports.count(token_request),
    )


def _listed(token_request: ListingRequest) -> list[Alike]:
    found = _like(token_request, CatalogueToken._get_collection(), {"listed": True})
    return [_alike(token_request, one, None, one["symbol"], one["name"]) for one in found]


def _asked(token_request: ListingRequest, statuses: Iterable[Status]) -> list[Alike]:
    condition = {"status": {"$in": sorted(statuses)}}
    found = _like(token_request, TokenRequest._get_collection(), condition)
    return [_alike(token_request, one, Status(one["status"]), one["token_symbol"], one["token_name"]) for one in found]


def _like(
    token_request: ListingRequest, collection: Collection[dict[str, Any]], condition: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The newest that have the symbol on the blockchain, or the address there or on another one of its family."""
    either: list[dict[str, Any]] = []
    if looks := _looks(token_request.token_symbol):
        either.append({"blockchain": token_request.blockchain, "symbol_skeleton": {"$in": looks}})
    if address := token_request.contract_address:
        either.append({"blockchain": {"$in": _family(token_request.blockchain)}, "contract_address": address})
    if not either:
        return []
    others = {"number": {"$ne": token_request.number}}
    query = {"$or": [{**one, **condition, **others} for one in either]}
    return list(collection.find(query).sort("number", DESCENDING).limit(MOST + 1))


def _looks(symbol: str) -> list[str]:
    """What the symbol looks like, also in capitals; nothing where nothing of it shows, which is like nothing."""
    return sorted({skeleton(symbol), skeleton(symbol.upper())} - {""})


def _family(blockchain: str) -> list[str]:
    """The blockchains on which one address may seem to be one token: all EVM ones, for one of them."""
    evm = [key for key, one in BLOCKCHAINS.items() if one.chain_id is not None]
    return evm if blockchain in evm else [blockchain]


def _alike(
    token_request: ListingRequest, one: Mapping[str, Any], status: Status | None, symbol: str, name: str
) -> Alike:
    address, blockchain = one.get("contract_address"), one["blockchain"]
    reasons = []
    if address and address == token_request.contract_address:
        same_chain = blockchain == token_request.blockchain
        reasons.append(Reason.SAME_ADDRESS if same_chain else Reason.SAME_ADDRESS_ELSEWHERE)
    if searchable(symbol) == searchable(token_request.token_symbol):
        reasons.append(Reason.SAME_SYMBOL)
    elif one["symbol_skeleton"] in _looks(token_request.token_symbol):
        reasons.append(Reason.SIMILAR_SYMBOL)
    return Alike(one["number"], status, symbol, name, blockchain, address, reasons)
