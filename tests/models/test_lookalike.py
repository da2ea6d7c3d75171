"""Duplicates and look-alikes of symbols and names are told apart from innocents: measured, and for any text."""

import json
import sys
import unicodedata
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.models.domain_error import InvalidInput
from app.models.lookalike import SKELETON_LENGTH, plain_symbol, skeleton
from app.models.well_known import WELL_KNOWN, well_known

PAIRS = json.loads(Path(__file__).with_name("lookalikes.json").read_text(encoding="utf-8"))
REAL_SYMBOLS = " ".join(PAIRS["real_symbols"]).split()


@pytest.mark.parametrize(
    ("same", "different", "least_precision", "least_recall"),
    [
        (["duplicates", "lookalikes"], "innocents", 0.965, 0.945),
        (["name_duplicates", "name_lookalikes"], "name_innocents", 0.9, 0.88),
    ],
    ids=["symbols", "names"],
)
def test_look_alikes_are_found_and_innocents_left_alone(same, different, least_precision, least_recall):
    pairs = [(a, b, how) for group in same for a, b, how in PAIRS[group]]
    missed = [f"{a!a} {b!a} ({how})" for a, b, how in pairs if skeleton(a) != skeleton(b)]
    wrong = [f"{a} {b}" for a, b, _ in PAIRS[different] if skeleton(a) == skeleton(b)]
    found = len(pairs) - len(missed)
    precision, recall = found / (found + len(wrong)), found / len(pairs)
    outcome = f"{same}: precision {precision:.3f}, recall {recall:.3f} of {len(pairs)}; wrong {wrong}; missed {missed}"
    print(outcome)
    assert precision >= least_precision, outcome
    assert recall >= least_recall, outcome


def test_duplicates_are_all_found():
    for group in ("duplicates", "name_duplicates"):
        for one, other, how in PAIRS[group]:
            assert skeleton(one) == skeleton(other) != "", (one, other, how)


def test_seven_hundred_real_symbols_are_told_apart():
    by_look = defaultdict(set)
    for symbol in REAL_SYMBOLS:
        by_look[skeleton(symbol)].add(symbol.upper())
    assert len(REAL_SYMBOLS) > 700
    assert [sorted(symbols) for symbols in by_look.values() if len(symbols) > 1] == [["OM", "ORN"]]


def test_a_well_known_symbol_is_known_in_whatever_guise():
    assert len({skeleton(symbol) for symbol in WELL_KNOWN}) == len(WELL_KNOWN)
    for symbol in WELL_KNOWN:
        assert well_known(symbol) == well_known(f"${symbol.lower()} ") == symbol
    guises = {
        "\u0415\u0422\u041d": "ETH",
        "steth": "STETH",
        "USD₮": "USDT",
        "l1NCH": "1INCH",
        "D0GE🐶": "DOGE",
        "SOl": "SOL",
    }
    assert {guise: well_known(guise) for guise in guises} == guises
    for innocent in ("ETHX", "UNIT", "SOLO", "BTCB", "OPP", "IDO", "LUNA", "🚀", "", "\u200b", "比特币"):
        assert well_known(innocent) is None, innocent


ANY_TEXT = st.text(
    st.one_of(
        st.characters(),  # lone surrogates too
        st.sampled_from("lI1|0O5S8B$rnvvRNVV AaΑаЅѕпгИйßıİ©ガﾞ한ㅎ"),
        st.sampled_from("\u0301\u0336\u200b\u200d\u202e\u2066\ufe0f\u3099\u3164\ufdfa\u1100\u1161\u11a8"),
    ),
    max_size=40,
)


@settings(max_examples=100, deadline=None, database=None)
@given(ANY_TEXT)
def test_a_skeleton_is_its_own_skeleton_and_the_same_in_any_compatible_form(text):
    look = skeleton(text)
    assert skeleton(look) == look
    assert len(look) <= SKELETON_LENGTH
    assert skeleton(unicodedata.normalize("NFKC", text)) == look
    assert skeleton(unicodedata.normalize("NFKD", text)) == look


def test_long_and_strange_texts_have_short_skeletons():
    for text in ("A" * 5_000, "\ufdfa" * 255, "e" + "\u0301" * 5_000, "Ж" * 300, "🚀" * 300, "\ud800" * 300):
        look = skeleton(text)
        assert skeleton(look) == look
        assert len(look) <= SKELETON_LENGTH
        assert look.isprintable()


@pytest.mark.long
def test_the_skeleton_of_every_single_character_is_its_own_skeleton():
    for code in range(sys.maxunicode + 1):
        look = skeleton(chr(code))
        assert skeleton(look) == look, hex(code)


@pytest.mark.parametrize(
    "symbol",
    [
        *("", "  ", "A" * 21, 7, None),
        *("US\x00DT", "US\nDT", "US\tDT", "\ud800"),
        *("\u200b", "US\u200bDT", "US\u00adDT", "\u202eTDSU", "\u2066ETH\u2069", "BTC\u200f"),
        *("\u3164", "SOL\u3164", "\u2800", "\u0301", "\ufe0f"),
    ],
)
def test_a_symbol_with_what_cannot_be_seen_is_refused(symbol):
    with pytest.raises(InvalidInput):
        plain_symbol(symbol, "token_symbol", most=20)


def test_a_symbol_may_be_any_text_that_is_seen():
    for symbol in ("MYTOKEN", "stETH", "USD₮", "1INCH", "$WIF", "比特币", "РУБЛЬ", "🚀", "☀️", "हिन्दी", "שקל", "UNI-V2"):
        assert plain_symbol(f" {symbol} ", "token_symbol", most=20) == symbol
