"""The vectors of BIP-173 and BIP-350."""

import pytest

from app.models.addresses import bech32
from app.models.addresses.bad_address import MISTYPED, TEST_NETWORK, BadAddress
from app.models.addresses.bech32 import MIXED_CASE, NOT_BECH32, Variant
from app.models.addresses.bitcoin import EXPECTED
from app.models.blockchain import canonical_address

VALID = {
    Variant.BECH32: [
        "A12UEL5L",
        "a12uel5l",
        "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
        "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",
        f"11{'q' * 82}c8247j",
        "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w",
        "?1ezyfcl",
    ],
    Variant.BECH32M: [
        "A1LQFN3A",
        "a1lqfn3a",
        "an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg6",
        "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx",
        f"11{'l' * 82}ludsr8",
        "split1checkupstagehandshakeupstreamerranterredcaperredlc445v",
        "?1v759aa",
    ],
}
INVALID = [
    " 1nwldj5",
    "\x7f1axkwrx",
    "\x801eym55h",
    "an84characterslonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1569pvx",
    "pzry9x0s0muk",
    "1pzry9x0s0muk",
    "x1b4n0q5v",
    "li1dgmt3",
    "de1lg7wt\xff",
    "A1G7SGD8",
    "10a06t8",
    "1qzzfhee",
    " 1xj0phk",
    "\x7f1g6xzxy",
    "\x801vctc34",
    "an84characterslonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11d6pts4",
    "qyrz8wqd2c9m",
    "1qyrz8wqd2c9m",
    "y1b0jsk6g",
    "lt1igcx5c0",
    "in1muywd",
    "mm1crxm3i",
    "au1s5cgom",
    "M1VUXWEZ",
    "16plkw9",
    "1p2gdwpf",
]
# BIP-350 took the place of BIP-173 for addresses from version 1 on.
VALID_ADDRESSES = [
    "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
    "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y",
    "BC1SW50QGDZ25J",
    "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
]
REFUSED_ADDRESSES = {
    # Right, but of the test network.
    "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7": TEST_NETWORK,
    "tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c": TEST_NETWORK,
    # BIP-350: wrong prefix, wrong variant, character, version, length, case, padding.
    "tc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq5zuyut": EXPECTED,
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd": MISTYPED,
    "BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL": MISTYPED,
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh": MISTYPED,
    "bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4": NOT_BECH32,
    "BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R": EXPECTED,
    "bc1pw5dgrnzv": EXPECTED,
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav253zgeav": EXPECTED,
    "BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P": EXPECTED,
    "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq47Zagq": MIXED_CASE,
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf": EXPECTED,
    "bc1gmk9yu": EXPECTED,
    # BIP-173.
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5": MISTYPED,
    "BC13W508D6QEJXTDG4Y5R3ZARVARY0C5XW7KN40WF2": EXPECTED,
    "bc1rw5uspcuh": EXPECTED,
    "bc10w508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kw5rljs90": EXPECTED,
    "bc1zw508d6qejxtdg4y5r3zarvaryvqyzf3du": EXPECTED,
}


@pytest.mark.parametrize("variant", Variant)
def test_the_valid_strings_are_told_apart_by_their_checksum(variant):
    assert {text: bech32.decode(text)[2] for text in VALID[variant]} == dict.fromkeys(VALID[variant], variant)


def test_the_invalid_strings_are_refused():
    for text in INVALID:
        with pytest.raises(BadAddress):
            print(repr(text), bech32.decode(text))


def test_groups_of_five_bits_come_out_even_or_not_at_all():
    assert bech32.as_bytes([]) == b""
    assert bech32.as_bytes([31, 28]) == b"\xff"
    assert bech32.as_bytes([31, 29]) is None  # padding that is not zero
    assert bech32.as_bytes([31, 28, 0]) is None  # a whole group of padding


def test_the_valid_addresses_of_bitcoin_are_stored_in_small_letters():
    assert [canonical_address("bitcoin", text) for text in VALID_ADDRESSES] == [
        text.lower() for text in VALID_ADDRESSES
    ]


def test_the_invalid_addresses_of_bitcoin_are_refused_for_what_they_are():
    said = {}
    for text in REFUSED_ADDRESSES:
        with pytest.raises(BadAddress) as refusal:
            print(text, canonical_address("bitcoin", text))
        said[text] = refusal.value.text
    assert said == REFUSED_ADDRESSES
