"""The mail by which a user shows that an e-mail address is theirs. `email_confirmations` is about its link."""

from datetime import datetime
from typing import Any

from bson import ObjectId

from app.models.user import User
from app.services import deliveries, signed_tokens

PURPOSE = "e-mail confirmation"


def item(user: User, *, at: datetime) -> dict[str, Any]:
    """What is due with a new address that nobody has shown yet: the mail with its link."""
    token = signed_tokens.sign([str(user.id), user.email], purpose=PURPOSE)
    key = f"user:{user.id}:confirmation:{ObjectId()}"
    return deliveries.mail_item(key, user=user.id, template="confirm_email", values={"token": token}, at=at)
