"""The refusal of an address, and what several families say in it."""

from app.models.domain_error import N_, FieldError

# What is looked at and what is stored has at most so many characters, whatever it is.
LONGEST = 255
TOO_LONG = FieldError(N_("An address has at most %(most)s characters."), most=LONGEST)
MISTYPED = N_("The checksum does not match: a character is mistyped.")
TEST_NETWORK = N_("This is an address of a test network.")


class BadAddress(ValueError):
    """No address of its blockchain; `text` is a sentence, marked for translation, that says what is wrong or what is expected."""

    def __init__(self, text: str):
        self.text = text
        super().__init__(text)
