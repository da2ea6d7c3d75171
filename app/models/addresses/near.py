"""NEAR: the account that a contract runs under, by the rules of https://nomicon.io/DataStructures/Account (near-account-id).

2 to 64 characters: letters, digits, and single separators between them; implicit accounts (64 hexadecimal digits, or `0x` and 40)
are spelled by the same rules. Names have small letters only, and are stored so. There is no checksum.
"""

import re

from app.models.addresses.bad_address import BadAddress
from app.models.domain_error import N_

_ACCOUNT = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
EXPECTED = N_(
    "A NEAR account has 2 to 64 characters: letters, digits, and between them single dots, dashes or underscores."
)


def canonical(text: str) -> str:
    """The name of the account in small letters."""
    name = text.lower()
    if not 2 <= len(name) <= 64 or not _ACCOUNT.fullmatch(name):
        raise BadAddress(EXPECTED)
    return name
