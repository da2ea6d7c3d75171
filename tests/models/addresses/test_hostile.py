"""Whatever is entered, the answer is a canonical form or `BadAddress`, and it comes at once."""

from string import ascii_letters, digits, hexdigits, printable
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.models.addresses import base58, cosmos, tron
from app.models.addresses.bad_address import LONGEST, MISTYPED, TEST_NETWORK, TOO_LONG, BadAddress
from app.models.blockchain import BLOCKCHAINS, NOT_AN_ADDRESS, canonical_address, looks_like
from app.models.domain_error import FieldError, translated
from tests.bad_texts import BLANK, UNUSABLE
from tests.models.addresses.known import ATOM_ON_OSMOSIS, CANONICAL, EIP_55, TON_COOKBOOK, WORMHOLE_USDC

USDT = CANONICAL["tron"][0]
LAB = "osmo17fel472lgzs87ekt9dvk0zqyh5gl80sqp4sk4n"
# A right address with something in it, around it or instead of its letters.
SPOILED = [
    *(f"{USDT[:9]}{mark}{USDT[9:]}" for mark in (" ", "\n", "\t", "\0", "\u200b", "\u00a0", "\ud800", "\x7f", "é")),
    USDT.replace("T", "Т"),  # the Cyrillic letter
    USDT + "\u202e",
    EIP_55[0].replace("0", "０"),  # full-width digits
    "0x" + "٣" * 40,
    "٣:٣",
    f"{TON_COOKBOOK}\u2028",
    "ﬁve",
]
# What each blockchain refuses, beyond what is tested with its checksum.
REFUSED = {
    "ethereum": f"""
        0x {EIP_55[0][2:]} {EIP_55[0][:-1]} {EIP_55[0]}0 0x{"g" * 40} 0x0x{"a" * 38} {EIP_55[0]}::a::A
    """,
    "solana": f"""
        {"1" * 31} {"1" * 33} {"z" * 44} {"0" * 43} {"O" * 44} {USDT} {CANONICAL["solana"][0][:-4]}
    """,
    "tron": f"""
        T {USDT[:-1]} {USDT}j 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa {"T" * 34} 41{"a" * 40} T{"0OIl" * 8}T
    """,
    "bitcoin": f"""
        ord orders {"a" * 64} {"a" * 64}i {"a" * 64}i01 {"g" * 64}i0 {"a" * 63}i0 0:1 1:4294967296 1234567: 1:-100 1:1:1:1 1.000:1
        bc1 bc1qqq {USDT} {EIP_55[0]} mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn 2MzQwSSnBHWHqSAqtTVQ6v47XtaisrJa1Vc
    """,
    "ton": f"""
        1:{"a" * 64} 0:{"a" * 63} 0:{"g" * 64} -0:{"a" * 64} 00:{"a" * 64} {TON_COOKBOOK[:-1]} {TON_COOKBOOK}=
        {"A" * 48} {"=" * 48}
    """,
    "sui": f"""
        0x2 {WORMHOLE_USDC} 0x2::sui 0x2::sui:: ::sui::SUI 2::sui::SUI 0x::a::A 0x{"1" * 65}::a::A 0x2::_::A 0x2::a::1A
        0x2::a::A::B 0x2::a::A<> 0x2::a::A<u8 0x2::a::A<u8,> 0x2::a::A<,u8> 0x2::a::A<u8>> 0x2::a::A<u9> 0x2::a::A<u88>
        0x2::a::A<vector<>> 0x2::a::A<vector<u8,u8>> 0x2::a::A<vector<u8> 0x2::a::A<vector<u8,> 0x2::a::A<0x2> 0x2::a::A(u8)
        vector<u8> u8
        {"0x2::a::A<" * 25} 0x2::a::A<{"vector<" * 34} 0x22::a::A<0x22::a::A<0x22::a::A<0x22::a::A>>>
    """,
    "aptos": f"""
        {EIP_55[0]} 0x10 0x 0x{"1" * 59} 0x{"1" * 65} 0xg 1 0x1::aptos_coin
    """,
    "near": f"""
        a {"a" * 65} .near near. a..near not-_alice.near _alice bo__wen near@ a/b $near
    """,
    "cosmos": f"""
        uatom ibc/ {ATOM_ON_OSMOSIS[:-1]} {ATOM_ON_OSMOSIS}A {ATOM_ON_OSMOSIS.replace("2", "G")} factory//x factory/osmo1/x
        factory/{LAB}/ factory/{LAB} factory/{LAB}/{"x" * 45} factory/{LAB}/a$b {" ".join(CANONICAL["bitcoin"][2:4])} O{LAB[1:]}
    """,
}


def refusal_of(blockchain: str, text: str) -> str:
    """What is said of a text that is no address."""
    try:
        accepted = canonical_address(blockchain, text)
    except BadAddress as refusal:
        return refusal.text
    pytest.fail(f"{blockchain}: {text!r} is taken for {accepted}")


def test_what_is_not_an_address_is_refused_with_a_sentence():
    for blockchain, texts in REFUSED.items():
        for text in texts.split():
            said = refusal_of(blockchain, text)
            assert said.endswith("."), (blockchain, text)
            assert translated(said, lambda sentence, **values: sentence % values if values else sentence) == str(said)


# Right codes of something else, and what is said of them.
OTHER_THINGS = {
    ("tron", "TZJozAg1ruapycCicgz31GxvYJ1G1qELV7"): tron.EXPECTED,  # the first byte is 0x42
    ("tron", "T9yD14Nj9j7xAB4dbGeiX9h8unkKB9nv2z"): tron.EXPECTED,  # 0x40
    ("bitcoin", "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn"): TEST_NETWORK,
    ("bitcoin", "2MzQwSSnBHWHqSAqtTVQ6v47XtaisrJa1Vc"): TEST_NETWORK,
    ("cosmos", "osmo1qqqsyqcyq5rqwzqfpg9scrgwpugpzysn73jxzf"): MISTYPED,  # Bech32m
    ("cosmos", "osmo1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnzshq3ccc"): cosmos.EXPECTED,  # 21 bytes
    ("cosmos", "osmo1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0jq93n5yp"): cosmos.EXPECTED,  # 33 bytes
    ("cosmos", "aaaaaaaaaaaaaaaaa1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnnq6dxn"): cosmos.EXPECTED,  # a prefix of 17
}


def test_what_is_right_elsewhere_is_refused_for_what_it_is():
    assert {(key, text): refusal_of(key, text) for key, text in OTHER_THINGS} == OTHER_THINGS


def test_base58_is_not_decoded_beyond_its_length():
    for decode in (base58.decode, base58.decode_checked):
        with pytest.raises(BadAddress):
            decode("1" * 65)


def test_what_is_not_printable_ascii_is_no_address_anywhere():
    for blockchain in BLOCKCHAINS:
        for text in [*BLANK, *UNUSABLE, *SPOILED]:
            assert refusal_of(blockchain, text) == NOT_AN_ADDRESS, (blockchain, text)


def test_a_huge_text_is_refused_at_once():
    texts = [one * 200_000 for one in ("1", "z", "0", "q", "0x1::a::A<", " a", "\0", "é", "vector<", "a.", "A" * 64)]
    began = perf_counter()
    assert {refusal_of(blockchain, text) for blockchain in BLOCKCHAINS for text in texts} == {TOO_LONG}
    assert perf_counter() - began < 5
    assert isinstance(TOO_LONG, FieldError)


def test_the_longest_text_is_looked_at_at_once():
    began = perf_counter()
    for start in ("", "0x", "bc1", "T", "factory/", "0x1::a::A<"):
        for one in ("1", "z", "q", "a-", "vector<", "0x1::a::A<", "<", ":"):
            looks_like((start + one * LONGEST)[:LONGEST])
    assert perf_counter() - began < 5


PIECES = [
    "0x",
    "0:",
    "-1:",
    "::",
    "<",
    ">",
    ",",
    "vector<",
    "u8",
    "bc1",
    "tb1",
    "T",
    "ibc/",
    "factory/",
    "osmo1",
    "i0",
    "1:",
    ".",
    "EQ",
]
NEARLY = st.lists(
    st.sampled_from(PIECES) | st.text(hexdigits, max_size=64) | st.text(ascii_letters + digits, max_size=48), max_size=6
).map("".join)
KNOWN = st.sampled_from([one for addresses in CANONICAL.values() for one in addresses])


@settings(max_examples=80, deadline=None)
@given(st.text(printable, max_size=80) | NEARLY | KNOWN)
def test_a_canonical_form_is_its_own_and_short_enough(text):
    for blockchain in BLOCKCHAINS:
        try:
            canonical = canonical_address(blockchain, text)
        except BadAddress:
            continue
        assert canonical_address(blockchain, canonical) == canonical
        assert len(canonical) <= LONGEST


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**256 - 1),
    st.sampled_from(["0x{:x}::a::A", "0x{:064X}::a::A", "0x0{:x}::a::A", "0x2::c::C<0x{:x}::a::A>"]),
)
def test_a_move_address_has_one_form_however_many_zeros_it_is_written_with(number, spelling):
    short, padded = (
        spelling.replace("0{:x}", form).replace("{:x}", form).format(number) for form in ("{:x}", "{:064x}")
    )
    assert canonical_address("sui", short) == canonical_address("sui", padded) == canonical_address("aptos", short)
