"""What a token's symbol or name looks like to a human eye, as a text that an index can find."""

import json
import re
import unicodedata
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from app.models.domain_error import N_, InvalidInput
from app.models.plain_text import plain_line

SKELETON_LENGTH = 255
# Letters and signs that show nothing, although their category does not say so.
BLANKS = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
# Without the signs that say that a name is somebody's: Unicode counts them as letters in a circle.
UNSEEN = BLANKS | {"©", "®"}
# Accents and enclosing marks only: the vowel signs of other scripts are marks too, and tell words apart.
ACCENTS = re.compile(r"[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe2f\U000e0100-\U000e01ef]")
# Letters such as "small capital B", "T with stroke" and "negative squared A" say in their names what they look like.
LATIN_NAME = re.compile(
    r"(?:.* )?LATIN (?:(?:CAPITAL|SMALL) LETTER|LETTER SMALL CAPITAL) (?P<latin>[A-Z])(?: WITH .*)?"
    r"|REGIONAL INDICATOR SYMBOL LETTER (?P<flag>[A-Z])"
)
# Signs that stand for letters inside a word, which Unicode does not count as confusable.
SIGNS = {"₿": "B", "฿": "B", "€": "E", "|": "I"}
# A small l among capitals is read as a capital I.
SMALL_L = re.compile(r"(?<![^\W_])(?=[A-Zl0-9]*[A-Z])[A-Zl0-9]*l[A-Zl0-9]*(?![^\W_])")
DOLLAR_WITHIN = re.compile(r"(?<=[^\W_])\$(?=[^\W_])")
# Measured with the pairs and real symbols of tests/models/lookalikes.json: 3 for E, 4 for A, 2 for Z and L for I cost
# more than they find.
DIGITS = str.maketrans({"0": "O", "1": "I", "5": "S", "8": "B"})


def skeleton(text: str) -> str:
    """What `text` looks like: upper case, at most 255 characters, the same for look-alikes; empty if nothing shows.

    After the skeleton of Unicode TR39, with case, accents, spaces, punctuation and emoji left out as well. To compare
    only, not to show. Stored: a change of what it says, or of the library's table, needs a migration.
    """
    seen = text
    # One replacement can bring about another: at most twice for any single character.
    for _ in range(8):
        before, seen = seen, _look(seen)
        if seen == before:
            break
    return seen[:SKELETON_LENGTH]


def plain_symbol(value: Any, field: str, *, most: int) -> str:
    """As `plain_line`, of 1 to `most` characters that can all be seen, in the order in which they are stored."""
    symbol = plain_line(value, field, least=1, most=most)
    if any(one in BLANKS or unicodedata.category(one) == "Cf" for one in symbol):
        raise InvalidInput(errors={field: [N_("Contains characters that cannot be seen.")]})
    if not skeleton(symbol):
        raise InvalidInput(errors={field: [N_("Must not be empty.")]})
    return symbol


def _look(text: str) -> str:
    """One pass of `skeleton`."""
    visible = _visible(text)
    looks = [_look_of(character) for character in visible]
    # A word of another script is not seen as Latin because some of its small letters would pass for Latin ones.
    if not any(one.isascii() and one.isalpha() for one in visible) and not all(look.isascii() for look in looks):
        looks = [_look_of(character) for character in visible.upper()]
    latin = SMALL_L.sub(lambda word: word[0].replace("l", "I"), _visible("".join(looks)))
    latin = DOLLAR_WITHIN.sub("S", latin)
    word = "".join(one for one in latin if unicodedata.category(one)[0] in "LNM")
    return _visible((word or latin).upper().translate(DIGITS).replace("RN", "M").replace("VV", "W"))


def _visible(text: str) -> str:
    """`text` in compatibility form without accents and without what takes no place on a page."""
    bare = ACCENTS.sub("", unicodedata.normalize("NFKD", text))
    shown = (one for one in bare if one not in UNSEEN and unicodedata.category(one)[0] not in "CZ")
    return unicodedata.normalize("NFKC", "".join(shown))


@lru_cache(maxsize=4096)
def _look_of(character: str) -> str:
    """The Latin letter or digit that `character` looks like; else one character for all that look alike."""
    if character.isascii():
        return SIGNS.get(character, character)
    known = _confusables()
    for one in (character, character.upper()):
        if (look := SIGNS.get(one) or known.get(one, "")).isascii() and look:
            return look
    if named := LATIN_NAME.fullmatch(unicodedata.name(character, "")):
        return str(named["latin"] or named["flag"])
    return known.get(character, character)


@cache
def _confusables() -> dict[str, str]:
    """What each confusable character looks like, by Unicode TR39, without accents."""
    table: dict[str, list[dict[str, str]]] = json.loads(
        files("confusable_homoglyphs").joinpath("confusables.json").read_text(encoding="utf-8")
    )
    looks = {}
    for key, others in table.items():
        character, other = key.strip("\u200e"), others[0]["c"].strip("\u200e")
        # The table goes both ways: what is confused with one only looks like that one, of a pair of signs the lesser.
        lesser = len(table.get(others[0]["c"], ())) == 1 and len(other) == 1 and character < other
        if len(character) > 1 or character.isascii() or len(others) > 1 or lesser:
            continue
        # Unicode writes the capital I, the digit 1 and the bar as a small l, and m as rn.
        looks[character] = {"l": "I", "rn": "m"}.get(other, _visible(other))
    return looks
