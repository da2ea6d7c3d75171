"""Publishing the part of the catalogue that the Token Lists standard can say, versioned by its rules."""

import re
from collections.abc import Mapping
from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from app import clock
from app.models.blockchain import BLOCKCHAINS
from app.models.catalogue_token import CatalogueToken
from app.models.domain_error import Busy
from app.models.token_list import CATALOGUE, LONGEST_NAME, MOST_TOKENS, TokenList, next_version

MOST_ATTEMPTS = 20
_SYMBOL = re.compile(r"\S{1,20}")
# The schema's patterns are those of JavaScript, to which U+FEFF is a space; symbols hold nothing that cannot be seen.
_NAME = re.compile(rf"(?: |[^\s\ufeff]){{1,{LONGEST_NAME}}}")


def published() -> TokenList | None:
    """The list as it was last published, without its tokens, which may be many; None while there was none."""
    return TokenList.objects(id=CATALOGUE).exclude("tokens").first()


def stored() -> Mapping[str, Any] | None:
    """All of it as it is stored, for whoever passes it on."""
    return TokenList._get_collection().find_one({"_id": CATALOGUE})


def publish() -> None:
    """Brings the published list up to what the catalogue says now; of several at once each ends with all that is there."""
    collection = TokenList._get_collection()
    for _attempt in range(MOST_ATTEMPTS):
        # The list first: whoever changes the catalogue after this was read publishes after this, and this one tries again.
        before = stored()
        had, tokens = (before["tokens"] if before else []), _tokens()
        if tokens == had:
            return
        revision = before["revision"] if before else 0
        version = next_version(before["version"] if before else None, had, tokens)
        fields = {"revision": revision + 1, "version": version, "published_at": clock.now()}
        try:
            written = collection.find_one_and_update(
                {"_id": CATALOGUE, "revision": revision},
                {"$set": {**fields, "tokens": tokens, "count": len(tokens)}},
                upsert=before is None,
                return_document=ReturnDocument.AFTER,
                projection={"revision": 1},
            )
        except DuplicateKeyError:
            continue  # Somebody published the first list just now.
        if written:
            return
    raise Busy


def _tokens() -> list[dict[str, Any]]:
    """What the schema can take, the first listed first: tokens on EVM chains, with an address and decimals."""
    chains = [key for key, one in BLOCKCHAINS.items() if one.chain_id is not None]
    query = {
        "listed": True,
        "blockchain": {"$in": chains},
        "decimals": {"$type": "int"},
        "contract_address": {"$ne": None},
    }
    fields = ["blockchain", "contract_address", "symbol", "name", "decimals"]
    found = CatalogueToken._get_collection().find(query, fields).sort("number", 1)
    fitting = (_token(one) for one in found if _SYMBOL.fullmatch(one["symbol"]) and _NAME.fullmatch(one["name"]))
    return [token for token, _place in zip(fitting, range(MOST_TOKENS), strict=False)]


def _token(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "chainId": BLOCKCHAINS[one["blockchain"]].chain_id,
        "address": one["contract_address"],
        "symbol": one["symbol"],
        "name": one["name"],
        "decimals": one["decimals"],
    }
