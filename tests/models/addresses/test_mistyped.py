"""Where a kind of address has a checksum, one changed character is found, wherever it is."""

import pytest

from app.models.addresses import base58, bech32
from app.models.addresses.bad_address import MISTYPED, BadAddress
from app.models.blockchain import canonical_address
from tests.models.addresses.known import CANONICAL, EIP_55

HEX = "0123456789abcdefABCDEF"
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# By blockchain: those with a checksum, the characters that they are made of, and where these begin.
CHECKED = [
    ("ethereum", EIP_55, HEX, 2),
    ("tron", CANONICAL["tron"], base58.ALPHABET, 0),
    ("bitcoin", CANONICAL["bitcoin"][:2], base58.ALPHABET, 0),
    ("bitcoin", CANONICAL["bitcoin"][2:4], bech32.ALPHABET, 3),
    ("ton", CANONICAL["ton"], BASE64, 0),
    ("cosmos", CANONICAL["cosmos"][-1:], bech32.ALPHABET, 5),
    ("cosmos", CANONICAL["cosmos"][-1:], "abcdefghijklmnopqrstuvwxyz", 0),
]


def changed(text: str, alphabet: str, start: int) -> list[str]:
    """`text` with another character at each place from `start` on: the next one of the alphabet, and one far from it."""
    one_changed = []
    for place in range(start, len(text)):
        at = alphabet.find(text[place])
        one_changed += [f"{text[:place]}{alphabet[(at + by) % len(alphabet)]}{text[place + 1 :]}" for by in (1, 11)]
    return one_changed


@pytest.mark.parametrize(("blockchain", "addresses", "alphabet", "start"), CHECKED)
def test_a_changed_character_is_found_at_every_place(blockchain, addresses, alphabet, start):
    accepted, said = [], set()
    for one in (another for address in addresses for another in changed(address, alphabet, start)):
        try:
            accepted.append((one, canonical_address(blockchain, one)))
        except BadAddress as refusal:
            said.add(refusal.text)
    assert accepted == []
    assert MISTYPED in said


def test_two_changed_places_are_found():
    for blockchain, addresses, _, _ in CHECKED:
        swapped = addresses[0][:-6] + addresses[0][-5] + addresses[0][-6] + addresses[0][-4:]
        with pytest.raises(BadAddress) as refusal:
            canonical_address(blockchain, swapped)
        assert refusal.value.text == MISTYPED, swapped
