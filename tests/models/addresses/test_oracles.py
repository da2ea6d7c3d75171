"""Our codecs agree with libraries that others wrote, on addresses made at random, right ones and spoiled ones."""

from collections.abc import Callable
from functools import partial
from random import Random

import base58 as other_base58
import pytest
from bip_utils import SegwitBech32Decoder, SegwitBech32Encoder, TrxAddrDecoder
from bip_utils.bech32 import Bech32ChecksumError, Bech32Decoder, Bech32Encoder
from eth_utils import is_address, is_checksum_address, to_checksum_address
from pytoniq_core import Address
from solders.pubkey import Pubkey

from app.models.addresses import base58, bech32
from app.models.addresses.bad_address import BadAddress
from app.models.blockchain import canonical_address

RANDOM = Random()  # noqa: S311
ROUNDS = 100


@pytest.fixture(autouse=True)
def the_same_every_time():
    RANDOM.seed(20261121)


def accepts(check: Callable[[str], object], text: str) -> bool:
    """Whether a check takes a text; the libraries refuse in two ways."""
    try:
        check(text)
    except (ValueError, Bech32ChecksumError):
        return False
    return True


def spoiled(text: str, alphabet: str) -> str:
    """`text` with a character changed, added or left out; now and then it is the same again."""
    place = RANDOM.randrange(len(text))
    return text[:place] + RANDOM.choice(["", *alphabet]) + text[place + RANDOM.choice((0, 1)) :]


def differences(blockchain: str, right: list[str], alphabet: str, theirs: Callable[[str], object]) -> list[str]:
    """What only one of the two accepts, among right addresses and spoiled ones, and right ones that we refuse."""
    ours = partial(canonical_address, blockchain)
    texts = right + [spoiled(one, alphabet) for one in right for _ in range(2)]
    differing = [text for text in texts if accepts(ours, text) != accepts(theirs, text)]
    return differing + [text for text in right if not accepts(ours, text)]


def test_evm_checksums():
    plain = [f"0x{RANDOM.randbytes(20).hex()}" for _ in range(ROUNDS)]
    right = [to_checksum_address(one) for one in plain]
    assert [canonical_address("ethereum", one) for one in plain] == right

    def theirs(text: str) -> None:
        one_case = text[2:] in (text[2:].lower(), text[2:].upper())
        if not (is_checksum_address(text) or (is_address(text) and text.startswith("0x") and one_case)):
            raise ValueError

    assert differences("ethereum", right, "0123456789abcdefABCDEF", theirs) == []


def test_base58():
    for _ in range(ROUNDS):
        content = bytes(RANDOM.randrange(4)) + RANDOM.randbytes(RANDOM.randrange(1, 40))
        assert base58.decode(other_base58.b58encode(content).decode()) == content
        assert base58.decode_checked(other_base58.b58encode_check(content[:38]).decode()) == content[:38]


def test_solana():
    right = [str(Pubkey(bytes(zeros) + RANDOM.randbytes(32 - zeros))) for zeros in [0, 0, 1, 5] * (ROUNDS // 4)]
    assert differences("solana", right, base58.ALPHABET + "0l", Pubkey.from_string) == []


def test_tron():
    right = [other_base58.b58encode_check(b"\x41" + RANDOM.randbytes(20)).decode() for _ in range(ROUNDS)]
    assert differences("tron", right, base58.ALPHABET, TrxAddrDecoder.DecodeAddr) == []


def test_hashes_of_bitcoin():
    contents = [kind + RANDOM.randbytes(20) for kind in [b"\0", b"\5"] * (ROUNDS // 2)]
    right = [other_base58.b58encode_check(content).decode() for content in contents]
    assert differences("bitcoin", right, base58.ALPHABET, other_base58.b58decode_check) == []


def test_witness_programs_of_bitcoin():
    programs = [(0, 20), (0, 32), (1, 32), (2, 2), (16, 40)] * (ROUNDS // 5)
    right = [SegwitBech32Encoder.Encode("bc", version, RANDOM.randbytes(length)) for version, length in programs]
    assert differences("bitcoin", right, f"{bech32.ALPHABET}B", partial(SegwitBech32Decoder.Decode, "bc")) == []


@pytest.mark.parametrize("prefix", ["cosmos", "inj", "c4e"])
def test_cosmos(prefix):
    right = [Bech32Encoder.Encode(prefix, RANDOM.randbytes(length)) for length in [20, 32] * (ROUNDS // 8)]
    assert differences("cosmos", right, f"{bech32.ALPHABET}bio", partial(Bech32Decoder.Decode, prefix)) == []


@pytest.mark.parametrize("workchain", [0, -1])
def test_ton(workchain):
    for _ in range(ROUNDS):
        address = Address((workchain, RANDOM.randbytes(32)))
        forms = [
            address.to_str(is_user_friendly=friendly, is_url_safe=url_safe, is_bounceable=bounceable)
            for friendly, url_safe, bounceable in [(1, 1, 1), (1, 1, 0), (1, 0, 1), (1, 0, 0), (0, 1, 1)]
        ]
        assert {canonical_address("ton", form) for form in forms} == {forms[0]}
        elsewhere = Address((1, address.hash_part))
        for other in (address.to_str(is_test_only=True), elsewhere.to_str()):
            with pytest.raises(BadAddress):
                canonical_address("ton", other)
