"""Tells a user by mail what was changed about how they sign in, in case it was somebody else."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from bson import ObjectId

from app.models.user import User
from app.services import deliveries


class What(StrEnum):
    """What was changed; `templates/emails/security_notice.txt` has a sentence for each."""

    PASSWORD = "password"  # noqa: S105 - a name, no secret.
    TWO_FACTOR_ON = "two_factor_on"
    TWO_FACTOR_APP = "two_factor_app"
    TWO_FACTOR_OFF = "two_factor_off"
    RECOVERY_CODES = "recovery_codes"
    RECOVERY_CODE = "recovery_code"


def item(user: User, what: What, *, at: datetime) -> dict[str, Any]:
    """What is due with such a change."""
    key = f"user:{user.id}:security:{ObjectId()}"
    return deliveries.mail_item(key, user=user.id, template="security_notice", values={"what": str(what)}, at=at)
