"""The chains of the Cosmos SDK, each with a prefix of its own:

- `ibc/` and 64 hexadecimal digits: a token that came from another chain (ICS-20, ADR-001 of ibc-go). Stored in capitals;
- `factory/<creator>/<name>`: a token of the module tokenfactory (its types/denoms.go). The name keeps its case;
- the address of a contract: Bech32 (BIP-173) of 20 or 32 bytes (ADR-028 of the Cosmos SDK). Stored in small letters.
"""

import re

from app.models.addresses import bech32
from app.models.addresses.bad_address import MISTYPED, BadAddress
from app.models.domain_error import N_

_IBC = re.compile(r"ibc/([0-9A-F]{64})", re.IGNORECASE)
_FACTORY = re.compile(r"factory/([^/]+)/([A-Za-z0-9/:._-]{1,44})", re.IGNORECASE)
# A prefix has at most 16 characters, and of the signs only @ is in use; what follows has no 1.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9@]{0,15}1[^1]{38,}")
EXPECTED = N_(
    "A Cosmos token is ibc/ and 64 hexadecimal digits, factory/ with its creator and its name, or the address of a contract, "
    "which begins with the prefix of its chain, such as osmo1."
)


def canonical(text: str) -> str:
    """The token or contract in its one spelling."""
    if ibc := _IBC.fullmatch(text):
        return f"ibc/{ibc[1].upper()}"
    if factory := _FACTORY.fullmatch(text):
        return f"factory/{_address(factory[1])}/{factory[2]}"
    return _address(text)


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise BadAddress(EXPECTED)
    _, groups, variant = bech32.decode(text)
    content = bech32.as_bytes(groups)
    if variant is not bech32.Variant.BECH32:
        raise BadAddress(MISTYPED)
    if content is None or len(content) not in (20, 32):
        raise BadAddress(EXPECTED)
    return text.lower()
