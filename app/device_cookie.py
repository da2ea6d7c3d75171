"""The cookie by which an account knows a browser again: a random token, signed, sent to the sign-in page only."""

import hashlib

from flask import current_app, request
from itsdangerous import BadSignature, URLSafeSerializer
from werkzeug.wrappers import Response

YEAR = 365 * 24 * 3600


def read() -> str | None:
    """The token of this browser, or None where it has none that we signed."""
    try:
        token = _serializer().loads(request.cookies.get(_name(), ""))
    except BadSignature:
        return None
    return token if isinstance(token, str) else None


def write(response: Response, token: str) -> None:
    """Keeps the token in this browser, for a year from its last use."""
    response.set_cookie(
        _name(),
        str(_serializer().dumps(token)),
        max_age=YEAR,
        path="/sign-in",
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        httponly=True,
        samesite="Lax",
    )


def _name() -> str:
    """Over HTTPS one that browsers take from HTTPS alone; not `__Host-`, which would send it to every page."""
    return "__Secure-device" if current_app.config["SESSION_COOKIE_SECURE"] else "device"


def _serializer() -> URLSafeSerializer:
    # The library's own choice is SHA-1.
    return URLSafeSerializer(
        current_app.config["SECRET_KEY"], salt="device", signer_kwargs={"digest_method": hashlib.sha256}
    )
