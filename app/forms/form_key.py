"""The key that a form is sent with."""

from uuid import uuid4


def new_key() -> str:
    """A key for one effect, so that the same form sent twice has it once."""
    return uuid4().hex
