"""Bech32 (BIP-173) and Bech32m (BIP-350): a prefix, the digit 1, and groups of five bits with six characters of checksum."""

from enum import IntEnum

from app.models.addresses.bad_address import MISTYPED, BadAddress
from app.models.domain_error import N_

ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUES = {character: value for value, character in enumerate(ALPHABET)}
_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
MIXED_CASE = N_("This kind of address is written in small letters or in capitals, not in both.")
NOT_BECH32 = N_("This kind of address is a prefix, the digit 1, then letters and digits, but never 1, b, i or o.")


class Variant(IntEnum):
    """What the checksum comes to."""

    BECH32 = 1
    BECH32M = 0x2BC830A3


def decode(text: str) -> tuple[str, list[int], Variant]:
    """The prefix in small letters, the groups of five bits without the checksum, and which of the two it is."""
    if text not in (text.lower(), text.upper()):
        raise BadAddress(MIXED_CASE)
    prefix, _, data = text.lower().rpartition("1")
    if not prefix or len(data) < 6 or len(text) > 90 or not set(data) <= _VALUES.keys():
        raise BadAddress(NOT_BECH32)
    if not all(33 <= ord(character) <= 126 for character in prefix):
        raise BadAddress(NOT_BECH32)
    groups = [_VALUES[character] for character in data]
    checksum = _polymod([ord(one) >> 5 for one in prefix] + [0] + [ord(one) & 31 for one in prefix] + groups)
    if checksum not in tuple(Variant):
        raise BadAddress(MISTYPED)
    return prefix, groups[:-6], Variant(checksum)


def _polymod(values: list[int]) -> int:
    """The remainder of the values, read as a polynomial, by the generator of BIP-173."""
    remainder = 1
    for value in values:
        top = remainder >> 25
        remainder = (remainder & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATORS):
            remainder ^= generator if top >> bit & 1 else 0
    return remainder


def as_bytes(groups: list[int]) -> bytes | None:
    """The bytes in groups of five bits; None where they do not come out even: padding is under five bits, all zero."""
    number = 0
    for group in groups:
        number = number << 5 | group
    length, padding = divmod(len(groups) * 5, 8)
    if padding > 4 or number & ((1 << padding) - 1):
        return None
    return (number >> padding).to_bytes(length, "big")
