"""TON: the master contract of a jetton, in either form of TEP-2.

- friendly: 48 characters of base64 or base64url, 36 bytes: a tag, the workchain, 32 bytes, CRC16;
- raw: the workchain, a colon and 64 hexadecimal digits.

Stored friendly, bounceable, base64url (`EQ…`), whichever way it came in: it is one and the same contract.
"""

import re
from base64 import b64decode, urlsafe_b64encode
from binascii import crc_hqx

from app.models.addresses.bad_address import MISTYPED, TEST_NETWORK, BadAddress
from app.models.domain_error import N_

_RAW = re.compile(r"(0|-1):([0-9a-fA-F]{64})")
_FRIENDLY = re.compile(r"[A-Za-z0-9+/_-]{48}")
_BOUNCEABLE, _NON_BOUNCEABLE, _TEST_ONLY = 0x11, 0x51, 0x80
# The basechain, and the masterchain: -1 as a byte.
_WORKCHAINS = {"0": 0x00, "-1": 0xFF}
EXPECTED = N_("A TON address has 48 characters, mostly from EQ or UQ on, or is 0: followed by 64 hexadecimal digits.")


def canonical(text: str) -> str:
    """The address in its friendly, bounceable form."""
    if raw := _RAW.fullmatch(text):
        return _friendly(_WORKCHAINS[raw[1]], bytes.fromhex(raw[2]))
    if not _FRIENDLY.fullmatch(text):
        raise BadAddress(EXPECTED)
    decoded = b64decode(text.replace("-", "+").replace("_", "/"))
    if crc_hqx(decoded, 0):
        raise BadAddress(MISTYPED)
    tag, workchain, account = decoded[0], decoded[1], decoded[2:34]
    if tag & ~_TEST_ONLY not in (_BOUNCEABLE, _NON_BOUNCEABLE) or workchain not in _WORKCHAINS.values():
        raise BadAddress(EXPECTED)
    if tag & _TEST_ONLY:
        raise BadAddress(TEST_NETWORK)
    return _friendly(workchain, account)


def _friendly(workchain: int, account: bytes) -> str:
    content = bytes([_BOUNCEABLE, workchain]) + account
    return urlsafe_b64encode(content + crc_hqx(content, 0).to_bytes(2, "big")).decode()
