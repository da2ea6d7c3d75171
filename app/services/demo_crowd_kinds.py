"""What people of a demo crowd ask for: more tokens, the beta program, or a crypto token of their own making."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from bson import ObjectId

from app.models.account import GrantSource
from app.models.addresses import base58
from app.models.blockchain import canonical_address
from app.models.catalogue_token import CatalogueToken
from app.models.lookalike import skeleton
from app.models.search_words import token_terms
from app.models.token_request import OPEN, BetaRequest, ListingRequest, QuotaRequest, Status, TokenRequest
from app.services import demo_crowd_texts as texts

Document = dict[str, Any]
# Shares in percent; whoever has asked for the beta program asks for something else.
KINDS = {"quota": 68, "listing": 24, "beta": 8}
CREDITS = 100
CHAINS = {
    "ethereum": 34,
    "solana": 22,
    "bsc": 16,
    "base": 14,
    "arbitrum": 6,
    "polygon": 5,
    "avalanche": 2,
    "optimism": 1,
}
DECIMALS = {"solana": 9}
WITHOUT_ADDRESS = 0.1


@dataclass(frozen=True, slots=True)
class Kind:
    """How requests of a kind are stored, how many a day are counted, and what approval does to the account: verb, arguments."""

    document: type[TokenRequest]
    is_counted: bool
    slot_kept_by: frozenset[Status]
    gives: tuple[str, Mapping[str, Any]] | None


_CREDITS = {"tokens": CREDITS, "source": GrantSource.BETA.value, "expires_at": None}
OF = {
    "quota": Kind(QuotaRequest, True, OPEN, ("reset", {})),
    "listing": Kind(ListingRequest, True, OPEN | {Status.APPROVED}, None),
    # The service frees the slot of those who may ask again.
    "beta": Kind(BetaRequest, False, OPEN | {Status.APPROVED, Status.SPAM, Status.REJECTED}, ("grant", _CREDITS)),
}


def chosen_kinds(chosen: random.Random, how_many: int) -> list[str]:
    """What somebody's requests are for, in their order."""
    kinds = chosen.choices(list(KINDS), list(KINDS.values()), k=how_many)
    first = kinds.index("beta") if "beta" in kinds else how_many
    return [*kinds[: first + 1], *("quota" if kind == "beta" else kind for kind in kinds[first + 1 :])]


def token(chosen: random.Random) -> Document:
    """A crypto token that nobody has thought of, as a listing request says it."""
    (blockchain,) = chosen.choices(list(CHAINS), list(CHAINS.values()))
    first, second = chosen.choice(texts.TOKEN_BEGINNINGS), chosen.choice(texts.TOKEN_ENDS)
    letters = f"{first}{second}".upper()
    symbol = chosen.choice([first.upper()[:4], letters[:3] + second[0].upper(), first.upper()[:3] + second.upper()[:2]])
    name = f"{first.title()}{chosen.choice(['', ' '])}{second.title()}"
    said = {
        "token_symbol": symbol,
        "token_name": name,
        "blockchain": blockchain,
        "decimals": DECIMALS.get(blockchain, 18),
        "facts": [{"name": "website", "value": f"https://{first}{second}.example.com"}],
        "reason": chosen.choice(texts.TOKEN_REASONS),
        "symbol_skeleton": _skeleton(symbol),
        "search": token_terms(symbol, name),
    }
    return said if chosen.random() < WITHOUT_ADDRESS else said | {"contract_address": _address(chosen, blockchain)}


def listed(asked: Mapping[str, Any], token_id: ObjectId, *, key: str, at: datetime) -> Document:
    """The token that a request's approval has put into the catalogue, where it is unless that was revoked."""
    made = {
        **_blank_token(),
        "_id": token_id,
        "key": key,
        "request": asked["_id"],
        "number": asked["number"],
        "listed": asked["status"] == Status.APPROVED.value,
        "listed_at": at,
        "symbol": asked["token_symbol"],
        "name": asked["token_name"],
    }
    same = ("blockchain", "contract_address", "decimals", "symbol_skeleton", "search")
    return made | {name: asked[name] for name in same if name in asked}


def slot(kind: str, owner_id: ObjectId, said: Mapping[str, Any]) -> str | None:
    """What only one open request of the kind can have."""
    if kind != ListingRequest.KIND:
        return OF[kind].document.slot_of(owner_id)
    address = said.get("contract_address")
    return ListingRequest.slot_for(said["blockchain"], address) if address else None


def day_key(kind: str, owner_id: ObjectId, day: str, submitted: Sequence[Mapping[str, Any]]) -> str | None:
    """The number of the day that a request takes; a crowd asks as often as the seed says."""
    if not OF[kind].is_counted:
        return None
    beginning = f"{kind}:{owner_id}:{day}:"
    return f"{beginning}{1 + sum(one.get('day_key', '').startswith(beginning) for one in submitted)}"


def _address(chosen: random.Random, blockchain: str) -> str:
    number = chosen.getrandbits(255) | 1 << 255
    if blockchain != "solana":
        return canonical_address(blockchain, f"0x{number >> 96:040x}")
    digits = ""
    while number:
        number, digit = divmod(number, 58)
        digits = base58.ALPHABET[digit] + digits
    return digits


@cache
def _skeleton(symbol: str) -> str:
    return skeleton(symbol)


@cache
def _blank_token() -> Document:
    """The fields of a token of which nothing is known."""
    fields: Document = CatalogueToken(key="", number=0).to_mongo().to_dict()
    return fields
