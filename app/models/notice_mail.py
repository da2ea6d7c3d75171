"""Which notices also come by mail: what users choose about each topic, and what holds where they have chosen nothing."""

from enum import StrEnum
from typing import TYPE_CHECKING

from app.models.permission import Permission

if TYPE_CHECKING:
    from app.models.user import User


class Topic(StrEnum):
    """What users choose about, in the order in which they are asked."""

    RECEIVED = "received"
    QUESTION = "question"
    DECIDED = "decided"
    EXPIRING = "expiring"
    SUPPORTED = "supported"
    ORDER = "order"
    TOKENS_LOW = "tokens_low"
    ALLOWANCE = "allowance"
    BILLING = "billing"
    REVIEW = "review"


class ReviewMail(StrEnum):
    """How reviewers hear by mail of what waits for them."""

    AT_ONCE = "at_once"
    DAILY = "daily"
    NONE = "none"


# The topic of each kind of notification.
TOPIC_OF: dict[str, Topic] = {
    "request_received": Topic.RECEIVED,
    "question_asked": Topic.QUESTION,
    "request_approved": Topic.DECIDED,
    "request_rejected": Topic.DECIDED,
    "request_spam": Topic.DECIDED,
    "request_revoked": Topic.DECIDED,
    "request_reopened": Topic.DECIDED,
    "request_expiring": Topic.EXPIRING,
    "request_expired": Topic.EXPIRING,
    "order_paid": Topic.ORDER,
    "order_cancelled": Topic.ORDER,
    "order_refunded": Topic.ORDER,
    "supported_listed": Topic.SUPPORTED,
    "supported_closed": Topic.SUPPORTED,
    "tokens_low": Topic.TOKENS_LOW,
    "allowance_80": Topic.ALLOWANCE,
    "allowance_95": Topic.ALLOWANCE,
    "allowance_100": Topic.ALLOWANCE,
    "order_waiting": Topic.BILLING,
    "order_discrepancy": Topic.BILLING,
    "request_waiting": Topic.REVIEW,
    "question_answered": Topic.REVIEW,
    "request_reminder": Topic.REVIEW,
}
# What comes by mail unless somebody says no: what needs an answer, or was waited for.
ON_BY_DEFAULT = frozenset(Topic) - {Topic.RECEIVED, Topic.ALLOWANCE, Topic.REVIEW}


def is_asked(user: "User", topic: Topic) -> bool:
    """Whether the user says yes or no to mails of the topic; how reviewers hear of what waits is a choice of its own."""
    if topic is Topic.BILLING:
        return Permission.BILLING_MANAGE in user.permissions
    return topic is not Topic.REVIEW


def wants(user: "User", topic: Topic) -> bool:
    """Whether the user gets a mail of the topic at once."""
    if topic is Topic.REVIEW:
        return bool(user.review_mail == ReviewMail.AT_ONCE)
    return is_asked(user, topic) and bool(user.notice_mail.get(topic.value, topic in ON_BY_DEFAULT))
