"""ADMIN_EMAILS: where it is set, only the users whom it names may hold permissions, whatever their documents say."""

from flask import current_app


def names(email: str) -> bool:
    """Whether a user with this e-mail may hold permissions."""
    allowed = current_app.config["ADMIN_EMAILS"]
    return not allowed or email in {address.strip().lower() for address in allowed}
