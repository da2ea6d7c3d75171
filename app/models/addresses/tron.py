"""Tron: Base58Check of the byte 0x41 and 20 more, which is 34 characters from T on.

From https://developers.tron.network/docs/account. Stored as it is: the 21 bytes have one spelling.
"""

from app.models.addresses import base58
from app.models.addresses.bad_address import BadAddress
from app.models.domain_error import N_

EXPECTED = N_("A Tron address begins with T and has 34 characters.")


def canonical(text: str) -> str:
    """The address as it is, if its checksum is right."""
    if len(text) != 34 or not text.startswith("T"):
        raise BadAddress(EXPECTED)
    content = base58.decode_checked(text)
    if len(content) != 21 or content[0] != 0x41:
        raise BadAddress(EXPECTED)
    return text
