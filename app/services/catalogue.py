"""The catalogue of crypto tokens: approvals of listing requests bring them, revocations and admins take them out."""

from collections.abc import Sequence
from datetime import datetime

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from app.models.catalogue_token import CatalogueToken
from app.models.domain_error import N_, Busy, NotFound
from app.models.token_request import Status, TokenRequest
from app.services import search_words, token_list

# The index that knows the words.
_BY_WORD = [("listed", 1), ("search", 1), ("number", -1)]


# --- what follows from decisions: verbs of `due`, which may be done twice ----------------------------------------------


def add(*, key: str, at: datetime, request: ObjectId) -> None:
    """Puts the token of a listing request there and publishes the list; what this `key` has put there once stays as it is."""
    one = TokenRequest.objects.get(id=request)
    token = CatalogueToken(
        key=key,
        request=one.id,
        number=one.number,
        listed_at=at,
        symbol=one.token_symbol,
        name=one.token_name,
        blockchain=one.blockchain,
        contract_address=one.contract_address,
        decimals=one.decimals,
        symbol_skeleton=one.symbol_skeleton,
        search=one.search,
    )
    token.validate()
    try:
        CatalogueToken._get_collection().insert_one(token.to_mongo().to_dict())
    except DuplicateKeyError:
        if not CatalogueToken.objects(key=key).first():
            _wait_for_the_address(token)
            raise  # Another token is listed at this address, which its request's slot should have prevented.
    token_list.publish()


def _wait_for_the_address(token: CatalogueToken) -> None:
    """Raises `Busy` where the token that is listed at the address is about to be taken out, or has just been.

    A revocation frees the address at once; where the process died then, taking the token out is still due.
    """
    there = at_address(token.blockchain, token.contract_address)
    if there is None or TokenRequest.objects(id=there.request, status=Status.REVOKED).first():
        raise Busy


def take_out(*, key: str, at: datetime, adds: str) -> None:
    """Takes out what the approval under the key `adds` has put there, and publishes the list."""
    CatalogueToken._get_collection().update_one({"key": adds}, {"$set": {"listed": False}})
    token_list.publish()


def free_slot(*, key: str, at: datetime, request: ObjectId) -> None:
    """Lets a token be asked for again whose approved request was not taken back, but whose listing was."""
    TokenRequest._get_collection().update_one({"_id": request, "status": Status.APPROVED}, {"$unset": {"open_key": ""}})


# --- looking ----------------------------------------------------------------------------------------------------------


def find(number: int) -> CatalogueToken:
    """The token that the listing request #`number` has brought; raises `NotFound` where it is not in the catalogue."""
    found = CatalogueToken.objects.listed().filter(number=number).first()
    if found is None:
        raise not_there()
    return found


def at_address(blockchain: str, contract_address: str) -> CatalogueToken | None:
    """The token that is listed at a canonical address."""
    return CatalogueToken.objects.listed().filter(blockchain=blockchain, contract_address=contract_address).first()


def words(text: str) -> list[str] | None:
    """What is sought by the beginning of a symbol or of a word of a name, in any case, for `page`; None where nothing is.

    At most `search_words.MOST_WORDS`: of so many there may be more.
    """
    if not text.strip():
        return None
    return search_words.beginning_with(text, CatalogueToken._get_collection(), _BY_WORD, listed=True)


def page(
    *,
    blockchain: str | None = None,
    words: Sequence[str] | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[CatalogueToken]:
    """Up to `limit` tokens, the newest first, from the one before the number `before` on; of some `words`, any will do."""
    found = CatalogueToken.objects.listed().newest_first()
    if blockchain:
        found = found.filter(blockchain=blockchain)
    if words is not None:
        found = found.filter(search__in=words)
    if before is not None:
        found = found.filter(number__lt=before)
    return list(found.limit(limit))


def not_there() -> NotFound:
    """The refusal where the catalogue has no such token."""
    return NotFound(N_("This token is not in the catalogue."))
