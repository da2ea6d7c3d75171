"""Texts that only we can have written and that end by themselves: what a link in a mail or a step of a form carries.

Nothing is kept of them. Whoever must not use one twice puts something into it that its use changes.
"""

import hashlib
from datetime import timedelta
from typing import Any

from flask import current_app
from itsdangerous import BadData, URLSafeTimedSerializer


def sign(values: Any, *, purpose: str) -> str:
    """`values` (JSON) as a text that fits into an address; everybody can read it, nobody can change it."""
    return str(_serializer(purpose).dumps(values))


def read(token: str, *, purpose: str, lifetime: timedelta) -> Any:
    """What was signed for this purpose within `lifetime`; None for anything else."""
    try:
        return _serializer(purpose).loads(token, max_age=int(lifetime.total_seconds()))
    except BadData:
        return None


def _serializer(purpose: str) -> URLSafeTimedSerializer:
    # The library's own choice is SHA-1.
    signer = {"digest_method": hashlib.sha256}
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt=purpose, signer_kwargs=signer)
