"""Which passwords are accepted, and what is kept of them."""

import unicodedata

import pytest
from argon2 import PasswordHasher

from app.models.domain_error import InvalidInput
from app.services import passwords

COMMON = "Many people use a password like this. Choose one of your own."
LENGTH = "Use between 10 and 200 characters."


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("", LENGTH),
        ("ninechars", LENGTH),
        ("x1" * 101, LENGTH),
        ("aaaaaaaaaaaaaaaa", "Use more different characters."),
        ("ABABABababababab", "Use more different characters."),
        ("password123", COMMON),
        ("PassWord2024!", COMMON),
        ("p@ssw0rd!!!!", COMMON),
        ("passwordpassword", COMMON),
        ("1234567890", COMMON),
        ("+7 999 123-45-67", COMMON),
        ("qwertyuiop", COMMON),
        ("1q2w3e4r5t6y", COMMON),
        ("йцукенгшщзхъ", COMMON),
        ("Ann.Smith@example.com", "Do not use your e-mail address as your password."),
        ("ann.smith@EXAMPLE.com", "Do not use your e-mail address as your password."),
        ("correct ponies battery", None),
        ("кот сидит на заборе", None),
        ("🦊🐻🐼🐨🐯🦁🐮🐷🐸🐵", COMMON),
        ("  spaces inside and out  ", None),
        ("x1y2z3" + "w" * 194, None),
    ],
)
def test_a_new_password_is_long_enough_and_no_common_one(password, said):
    if said is None:
        passwords.check(password, email="ann.smith@example.com")
        return
    with pytest.raises(InvalidInput) as refused:
        passwords.check(password, email="ann.smith@example.com")
    assert refused.value.errors == {"password": [said]}


def test_a_password_matches_its_own_hash_only():
    stored = passwords.hashed("correct ponies battery")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert passwords.matches(stored, "correct ponies battery")
    assert not passwords.matches(stored, "correct ponies batterY")
    assert stored != passwords.hashed("correct ponies battery")


@pytest.mark.parametrize("password", ["", "x" * 100_000, "\0", "correct ponies battery\0", "\ud800", "é"])
def test_any_text_may_be_tried_and_does_not_match(password):
    assert not passwords.matches(passwords.hashed("correct ponies battery"), password)


def test_the_same_letters_match_however_they_are_composed():
    stored = passwords.hashed(unicodedata.normalize("NFD", "Überraschung am é"))
    assert passwords.matches(stored, unicodedata.normalize("NFC", "Überraschung am é"))


@pytest.mark.parametrize("stored", [None, "", "plain text", "$argon2id$broken"])
def test_nothing_matches_where_there_is_no_hash(stored):
    assert not passwords.matches(stored, "the password of nobody")


def test_a_hash_of_another_cost_asks_to_be_made_again():
    assert passwords.needs_rehash(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("x"))
    assert not passwords.needs_rehash(passwords.hashed("x"))
