"""Bitcoin, whose tokens have no contract. What names one of them, or an address, is accepted:

- a rune: block and transaction of its etching, `840000:1` (https://docs.ordinals.com/runes.html);
- an inscription: transaction and index, `<64 hex>i0` (https://docs.ordinals.com/inscriptions.html). Stored in small letters;
- a BRC-20 ticker of 4 or 5 bytes, ASCII here (https://layer1.gitbook.io/layer1-foundation/protocols/brc-20). Case does not count
  there: stored in small letters;
- an address: Base58Check of a key or script hash, or Bech32 (BIP-173) and from version 1 on Bech32m (BIP-350), in small letters.
"""

import re

from app.models.addresses import base58, bech32
from app.models.addresses.bad_address import MISTYPED, TEST_NETWORK, BadAddress
from app.models.domain_error import N_

_RUNE = re.compile(r"([0-9]{1,12}):([0-9]{1,12})")
_INSCRIPTION = re.compile(r"[0-9a-f]{64}i(?:0|[1-9][0-9]{0,9})")
_TICKER = re.compile(r"[!-~]{4,5}")
_SEGWIT = re.compile(r"(?:bc|tb|bcrt)1", re.IGNORECASE)
# The first byte of a Base58Check address: a key hash or a script hash.
_HASHES, _TEST_HASHES = (0x00, 0x05), (0x6F, 0xC4)
_LARGEST_INDEX = 2**32 - 1
EXPECTED = N_(
    "On Bitcoin a token is named by its BRC-20 ticker (4 or 5 characters), the number of its inscription (ending in i0), "
    "the number of its rune (840000:1), or an address."
)
NO_RUNE = N_("This is not the number of a rune: it is the block and the place in it, such as 840000:1.")


def canonical(text: str) -> str:
    """The ticker, number or address in its one spelling."""
    if rune := _RUNE.fullmatch(text):
        return _rune(int(rune[1]), int(rune[2]))
    lower = text.lower()
    if _TICKER.fullmatch(text) or _INSCRIPTION.fullmatch(lower):
        return lower
    if _SEGWIT.match(text):
        return _segwit(text)
    if 26 <= len(text) <= 35 and text[0] in "13mn2":
        return _hash(text)
    raise BadAddress(EXPECTED)


def _rune(block: int, place: int) -> str:
    if not block or place > _LARGEST_INDEX:
        raise BadAddress(NO_RUNE)
    return f"{block}:{place}"


def _hash(text: str) -> str:
    content = base58.decode_checked(text)
    if len(content) == 21 and content[0] in _TEST_HASHES:
        raise BadAddress(TEST_NETWORK)
    if len(content) != 21 or content[0] not in _HASHES:
        raise BadAddress(EXPECTED)
    return text


def _segwit(text: str) -> str:
    prefix, groups, variant = bech32.decode(text)
    if prefix != "bc":
        raise BadAddress(TEST_NETWORK)
    program = bech32.as_bytes(groups[1:])
    if program is None or not 2 <= len(program) <= 40:
        raise BadAddress(EXPECTED)
    version = groups[0]
    if version > 16 or (version == 0 and len(program) not in (20, 32)):
        raise BadAddress(EXPECTED)
    if variant is not (bech32.Variant.BECH32M if version else bech32.Variant.BECH32):
        raise BadAddress(MISTYPED)
    return text.lower()
