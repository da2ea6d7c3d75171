"""What is kept of a secret that is shown once: enough to know it again, and no way back to it."""

import hashlib


def digest(secret: str) -> str:
    """The one under which a random secret of 256 bits is found; such a one needs no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()
