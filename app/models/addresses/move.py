"""The blockchains with Move, Sui and Aptos, whose coins are named by their type: `0x2::sui::SUI`.

A type may have types as arguments: `0x1::pool::LP<0x1::a::A,vector<u8>>`. On Aptos a fungible asset is an object, named by its
address. Addresses are stored as AIP-40 says: `0x0` to `0xf` short, all others with 64 digits. Names keep their case.
Names are identifiers of Move (move-core-types, identifier.rs). There is no checksum.
"""

import re

from app.models.addresses.bad_address import LONGEST, TOO_LONG, BadAddress
from app.models.domain_error import N_

_ADDRESS = re.compile(r"0[xX]([0-9a-fA-F]{1,64})")
_NAME = r"(?:[A-Za-z][A-Za-z0-9_]*|_[A-Za-z0-9_]+)"
_STRUCT = re.compile(rf"0[xX]([0-9a-fA-F]{{1,64}})::({_NAME})::({_NAME})")
_PLAIN = re.compile(r"bool|address|signer|u8|u16|u32|u64|u128|u256")
EXPECTED_ON_SUI = N_("A Sui coin is named by its type, such as 0x2::sui::SUI.")
EXPECTED_ON_APTOS = N_(
    "An Aptos coin is named by its type, such as 0x1::aptos_coin::AptosCoin, "
    "a fungible asset by its address: 0x and 64 hexadecimal digits."
)


def sui(text: str) -> str:
    """The type of a coin with its addresses in one form."""
    return _coin_type(text, EXPECTED_ON_SUI)


def aptos(text: str) -> str:
    """The type of a coin, or the address of a fungible asset, in one form."""
    address = _ADDRESS.fullmatch(text)
    if not address:
        return _coin_type(text, EXPECTED_ON_APTOS)
    short = _short(address[1])
    # Few leading zeros are ever left out; the 40 digits of an Ethereum address are a mistake and no object.
    if len(short) > len("0xf") and len(address[1]) < 60:
        raise BadAddress(EXPECTED_ON_APTOS)
    return short


def _short(digits: str) -> str:
    """An address by AIP-40."""
    significant = digits.lower().lstrip("0") or "0"
    return f"0x{significant}" if len(significant) == 1 else f"0x{significant:0>64}"


def _coin_type(text: str, expected: str) -> str:
    coin_type, rest = _struct(text, expected)
    if rest:
        raise BadAddress(expected)
    # Short addresses grow, and what is stored must be accepted again.
    if len(coin_type) > LONGEST:
        raise BadAddress(TOO_LONG)
    return coin_type


def _struct(text: str, expected: str) -> tuple[str, str]:
    """The struct type at the start of `text`, and what follows it."""
    struct = _STRUCT.match(text)
    if not struct:
        raise BadAddress(expected)
    arguments, rest = _arguments(text[struct.end() :], expected)
    return f"{_short(struct[1])}::{struct[2]}::{struct[3]}{arguments}", rest


def _arguments(text: str, expected: str) -> tuple[str, str]:
    """The type arguments in angle brackets at the start of `text`, if any, and what follows them."""
    if not text.startswith("<"):
        return "", text
    arguments, mark = [], ","
    rest = text[1:]
    while mark == ",":
        argument, rest = _type(rest, expected)
        arguments.append(argument)
        mark, rest = rest[:1], rest[1:]
    if mark != ">":
        raise BadAddress(expected)
    return f"<{','.join(arguments)}>", rest


def _type(text: str, expected: str) -> tuple[str, str]:
    """Any type at the start of `text`, and what follows it."""
    if text.startswith("vector<"):
        element, rest = _type(text.removeprefix("vector<"), expected)
        if not rest.startswith(">"):
            raise BadAddress(expected)
        return f"vector<{element}>", rest[1:]
    if plain := _PLAIN.match(text):
        return plain[0], text[plain.end() :]
    return _struct(text, expected)
