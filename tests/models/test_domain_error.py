"""What a refusal says, and in which language."""

import pytest

from app.models.domain_error import InvalidInput, translated
from app.models.plain_text import plain_text
from app.services import token_accounts

GERMAN = {
    "Must be at least %(least)s.": "Mindestens %(least)s.",
    "Must be at most %(most)s.": "Höchstens %(most)s.",
    "Must be %(least)s to %(most)s characters long.": "%(least)s bis %(most)s Zeichen.",
    "Must be text.": "Kein Text.",
}


def in_german(text, **values):
    return GERMAN[text] % values if values else GERMAN[text]


@pytest.mark.parametrize(
    ("check", "english", "german"),
    [
        (lambda: token_accounts.amount(0), "Must be at least 1.", "Mindestens 1."),
        (lambda: token_accounts.amount(10**10), "Must be at most 1000000000.", "Höchstens 1000000000."),
        (lambda: plain_text("abc", "name", least=1, most=2), "Must be 1 to 2 characters long.", "1 bis 2 Zeichen."),
        (lambda: plain_text(7, "name", most=2), "Must be text.", "Kein Text."),
    ],
)
def test_what_is_wrong_with_a_field_can_be_said_in_another_language(check, english, german):
    with pytest.raises(InvalidInput) as refusal:
        check()
    ((text,),) = refusal.value.errors.values()
    assert (text, translated(text, in_german)) == (english, german)
    assert english in str(refusal.value)
