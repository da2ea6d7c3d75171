"""Ethereum and the blockchains built like it: `0x` and 40 hexadecimal digits, whose capital letters are a checksum (EIP-55).

All small or all capital letters carry no checksum and are accepted. Stored with the checksum.
"""

import re

from Crypto.Hash import keccak

from app.models.addresses.bad_address import MISTYPED, BadAddress
from app.models.domain_error import N_

_FORM = re.compile(r"0[xX]([0-9a-fA-F]{40})")
EXPECTED = N_("An address of this blockchain is 0x followed by 40 hexadecimal digits.")


def canonical(text: str) -> str:
    """The address with the capital letters of EIP-55."""
    form = _FORM.fullmatch(text)
    if not form:
        raise BadAddress(EXPECTED)
    digits = form[1]
    checksummed = _checksummed(digits.lower())
    if digits not in (checksummed, digits.lower(), digits.upper()):
        raise BadAddress(MISTYPED)
    return f"0x{checksummed}"


def _checksummed(digits: str) -> str:
    """A letter is a capital where the digit at its place in the hash of all of them is 8 or more."""
    digest = keccak.new(digest_bits=256, data=digits.encode()).hexdigest()
    return "".join(
        one.upper() if int(at_its_place, 16) >= 8 else one for one, at_its_place in zip(digits, digest, strict=False)
    )
