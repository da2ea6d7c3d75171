"""Solana: the mint of a token, Base58 of 32 bytes. There is no checksum, and it need not lie on the curve.

From https://solana.com/docs/core/accounts: a mint may be a program derived address, which is off the curve by construction.
Stored as it is: 32 bytes have one spelling.
"""

from app.models.addresses import base58
from app.models.addresses.bad_address import BadAddress
from app.models.domain_error import N_

EXPECTED = N_("A Solana address has 32 to 44 letters and digits.")
WRONG_LENGTH = N_("This is no Solana address: a character is missing or too many.")


def canonical(text: str) -> str:
    """The address as it is, if it stands for 32 bytes."""
    if not 32 <= len(text) <= 44:
        raise BadAddress(EXPECTED)
    if len(base58.decode(text)) != 32:
        raise BadAddress(WRONG_LENGTH)
    return text
