"""The mail that tells reviewers once a day what waits for them; on a day without anything new there is none."""

from app import clock
from app.models.notice_mail import ReviewMail, Topic
from app.models.permission import Permission
from app.models.token_request import Status, TokenRequest
from app.models.user import User
from app.services import admin_allowlist, deliveries, due, notice_mail

# Counting stops there: nobody reads on.
MOST_COUNTED = 1_000


def send_due(limit: int = 100) -> int:
    """Sends the digests whose hour has come; returns how many. The worker's part."""
    sent = 0
    for user in User.objects(digest_at__lte=clock.now()).order_by("digest_at").limit(limit):
        sent += _send(user)
    return sent


def _send(user: User) -> bool:
    waiting = TokenRequest.objects(status=Status.PENDING.value, user__ne=user.id)
    count = waiting.limit(MOST_COUNTED).count(with_limit_and_skip=True)
    update: dict[str, object] = {"$unset": {"digest_at": ""}}
    if count and _wants(user):
        link = notice_mail.unsubscribe_path(user.id, Topic.REVIEW)
        values = {"waiting": count, "url": "/admin/requests", "unsubscribe": link}
        key = f"digest:{user.digest_at.isoformat()}"
        update["$push"] = {
            "due": deliveries.mail_item(key, user=user.id, template="digest", values=values, at=clock.now())
        }
    # Of two workers that come to it at once, one writes.
    written = User._get_collection().update_one({"_id": user.id, "digest_at": user.digest_at}, update)
    if not written.modified_count:
        return False
    due.perform(User, user.id)
    return "$push" in update


def _wants(user: User) -> bool:
    """Whether the user still reviews, and still wants it: both may have changed since it was made due."""
    may = user.active and Permission.REQUESTS_REVIEW in user.permissions and admin_allowlist.names(user.email)
    return bool(may and user.email_confirmed and user.review_mail == ReviewMail.DAILY)
