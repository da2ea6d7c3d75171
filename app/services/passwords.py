"""Passwords: which ones are accepted, how they are stored, and how they are checked.

Argon2id at 19 MiB and two passes, as OWASP's Password Storage Cheat Sheet has it: 30 ms, and 64 sign-ins at once fit
into a small server. Rules after NIST SP 800-63B: length, and not a password that everybody tries first.
"""

import re
import string
import unicodedata
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.models.domain_error import N_, InvalidInput

SHORTEST, LONGEST = 10, 200
# With fewer different characters than this, length is only repetition.
FEWEST_CHARACTERS = 4
# The words, names and rows of keys that common passwords are made of.
COMMON = Path(__file__).with_name("common_passwords.txt")
EVERYDAY_DISGUISE = str.maketrans("013457@$!", "oleastasi")

HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def check(password: str, *, email: str) -> None:
    """Raises `InvalidInput` with what is wrong with a new password for `email`."""
    problem = _problem(_canonical(password), email.casefold())
    if problem:
        raise InvalidInput(errors={"password": [problem]})


def hashed(password: str) -> str:
    """What is stored of a password: argon2's own format, with its salt and cost in it."""
    return HASHER.hash(_bytes(password))


def matches(password_hash: str | None, password: str) -> bool:
    """Whether the password is the one that was hashed. Takes as long where there is no hash at all."""
    if len(password) > LONGEST:
        password_hash, password = None, ""
    try:
        return HASHER.verify(password_hash or _nobody(), _bytes(password)) and bool(password_hash)
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(password_hash: str) -> bool:
    """Whether the hash was made at another cost than today's."""
    return HASHER.check_needs_rehash(password_hash)


def _problem(password: str, email: str) -> str | None:
    folded = password.casefold()
    if not SHORTEST <= len(password) <= LONGEST:
        return N_("Use between 10 and 200 characters.")
    if len(set(folded)) < FEWEST_CHARACTERS:
        return N_("Use more different characters.")
    if folded in {email, email.partition("@")[0]}:
        return N_("Do not use your e-mail address as your password.")
    if _is_common(folded):
        return N_("Many people use a password like this. Choose one of your own.")
    return None


def _is_common(password: str) -> bool:
    """Whether it is a common word, once or repeated, with digits and signs around, in or instead of its letters."""
    core = password.strip(string.digits + string.punctuation + " ")
    letters = re.sub(r"[\W\d_]", "", password)
    return len(letters) <= 2 or any(_is_word(text) for text in (core, letters, core.translate(EVERYDAY_DISGUISE)))


def _is_word(text: str) -> bool:
    # A text that repeats itself is found, short of its ends, in its double.
    period = (text + text).find(text, 1)
    return text[:period] in _common()


def _canonical(password: str) -> str:
    """One form for the same letters, however a keyboard composes them."""
    return unicodedata.normalize("NFKC", password)


def _bytes(password: str) -> bytes:
    # A lone surrogate is no character; a password with one matches none that was ever set.
    return _canonical(password).encode("utf-8", "surrogatepass")


@cache
def _common() -> frozenset[str]:
    return frozenset(COMMON.read_text(encoding="utf-8").split())


@cache
def _nobody() -> str:
    return HASHER.hash("the password of nobody")
