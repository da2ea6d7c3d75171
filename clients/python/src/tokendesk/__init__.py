"""Meters the tokens of a product's users at a Tokendesk server."""

from tokendesk.answers import Entry, Settlement, SignInLink, Usage
from tokendesk.client import Client
from tokendesk.errors import (
    AlreadyPending,
    BadAnswer,
    Conflict,
    Forbidden,
    HoldClosed,
    InsufficientTokens,
    InvalidInput,
    KeyReused,
    NotFound,
    RateLimited,
    TokendeskError,
    Unauthorized,
    Unavailable,
)
from tokendesk.hold import Hold

__all__ = [
    "AlreadyPending",
    "BadAnswer",
    "Client",
    "Conflict",
    "Entry",
    "Forbidden",
    "Hold",
    "HoldClosed",
    "InsufficientTokens",
    "InvalidInput",
    "KeyReused",
    "NotFound",
    "RateLimited",
    "Settlement",
    "SignInLink",
    "TokendeskError",
    "Unauthorized",
    "Unavailable",
    "Usage",
]
