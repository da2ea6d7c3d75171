"""Keeps secrets that must be read again, so that who reads the database alone cannot: AES-GCM under a key from SECRET_KEY."""

import secrets
from base64 import b64decode, b64encode

from Crypto.Cipher import AES
from Crypto.Hash import SHA256
from Crypto.Protocol.KDF import HKDF
from flask import current_app

NONCE, TAG = 12, 16


def seal(secret: str, *, of: str) -> str:
    """`secret` unreadable, and bound to what it belongs to: nobody can move it to something else."""
    nonce = secrets.token_bytes(NONCE)
    cipher = AES.new(_key(), AES.MODE_GCM, nonce=nonce, mac_len=TAG)
    cipher.update(of.encode())
    text, tag = cipher.encrypt_and_digest(secret.encode())
    return b64encode(nonce + tag + text).decode()


def unseal(sealed: str, *, of: str) -> str | None:
    """The secret; None where it was sealed under another SECRET_KEY, or for something else."""
    raw = b64decode(sealed)
    nonce, tag, text = raw[:NONCE], raw[NONCE : NONCE + TAG], raw[NONCE + TAG :]
    cipher = AES.new(_key(), AES.MODE_GCM, nonce=nonce, mac_len=TAG)
    cipher.update(of.encode())
    try:
        return cipher.decrypt_and_verify(text, tag).decode()
    except ValueError:
        return None


def _key() -> bytes:
    master = current_app.config["SECRET_KEY"].encode()
    return bytes(HKDF(master, 32, b"", SHA256, context=b"sealed secrets"))  # type: ignore[arg-type]
