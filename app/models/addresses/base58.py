"""Base58 as Bitcoin writes it, and Base58Check, which adds four bytes of a double SHA-256.

From the reference implementation and https://en.bitcoin.it/wiki/Base58Check_encoding.
"""

from hashlib import sha256

from app.models.addresses.bad_address import MISTYPED, BadAddress
from app.models.domain_error import N_, FieldError

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
# Decoding takes time that grows with the square of the length; nothing that is looked for here is longer.
_MOST = 64
_VALUES = {character: value for value, character in enumerate(ALPHABET)}
WRONG_LETTER = N_("This kind of address has letters and digits, but never 0, O, I or l.")


def decode(text: str) -> bytes:
    """The bytes that `text` stands for; each leading 1 is a zero byte."""
    if len(text) > _MOST:
        raise BadAddress(FieldError(N_("This kind of address has at most %(most)s characters."), most=_MOST))
    number = 0
    for character in text:
        if character not in _VALUES:
            raise BadAddress(WRONG_LETTER)
        number = number * 58 + _VALUES[character]
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def decode_checked(text: str) -> bytes:
    """The bytes that `text` stands for, without the checksum, which is right."""
    decoded = decode(text)
    content, checksum = decoded[:-4], decoded[-4:]
    if not content or sha256(sha256(content).digest()).digest()[:4] != checksum:
        raise BadAddress(MISTYPED)
    return content
