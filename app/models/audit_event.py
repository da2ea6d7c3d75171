"""The trail: who changed what, for whom and why, for each change by an admin, a key, an operator or the system.

It also keeps which admin has read what users said.
"""

from enum import StrEnum
from typing import Any, ClassVar

from mongoengine import DateTimeField, DictField, Document, StringField


class Action(StrEnum):
    """What can be done that leaves an event."""

    USER_CREATE = "user.create"
    USER_UPDATE = "user.update"
    USER_GRANT_ROLE = "user.grant_role"
    USER_REVOKE_ROLE = "user.revoke_role"
    USER_SET_PERMISSIONS = "user.set_permissions"
    USER_DEACTIVATE = "user.deactivate"
    USER_ACTIVATE = "user.activate"
    USER_SET_PHONE = "user.set_phone"
    USER_SET_TIER = "user.set_tier"
    USER_SET_PASSWORD = "user.set_password"  # noqa: S105 - a name, no secret.
    USER_CONFIRM_EMAIL = "user.confirm_email"
    USER_CHANGE_EMAIL = "user.change_email"
    USER_DELETE = "user.delete"
    USER_TURN_ON_TWO_FACTOR = "user.turn_on_two_factor"
    USER_REPLACE_TWO_FACTOR_APP = "user.replace_two_factor_app"
    USER_TURN_OFF_TWO_FACTOR = "user.turn_off_two_factor"
    USER_RENEW_RECOVERY_CODES = "user.renew_recovery_codes"
    USER_USE_RECOVERY_CODE = "user.use_recovery_code"
    SIGN_IN_LINK_CREATE = "sign_in_link.create"
    SIGN_IN_LINK_USE = "sign_in_link.use"
    KEY_CREATE = "key.create"
    KEY_REVOKE = "key.revoke"
    ACCOUNT_RESET = "account.reset"
    ACCOUNT_BONUS = "account.bonus"
    ACCOUNT_GRANT = "account.grant"
    ACCOUNT_REVOKE = "account.revoke"
    ACCOUNT_CHANGE_TIER = "account.change_tier"
    REQUEST_SUBMIT = "request.submit"
    REQUEST_APPROVE = "request.approve"
    REQUEST_REJECT = "request.reject"
    REQUEST_SPAM = "request.spam"
    REQUEST_ASK = "request.ask"
    REQUEST_REOPEN = "request.reopen"
    REQUEST_REVOKE = "request.revoke"
    REQUEST_EXPIRE = "request.expire"
    REQUEST_NOTE = "request.note"
    REQUEST_RETRY = "request.retry"
    REQUEST_DELETE = "request.delete"
    CANNED_RESPONSE_CREATE = "canned_response.create"
    CANNED_RESPONSE_EDIT = "canned_response.edit"
    CANNED_RESPONSE_REMOVE = "canned_response.remove"
    ASSISTANT_CREATE = "assistant.create"
    ASSISTANT_EDIT = "assistant.edit"
    CONVERSATION_READ = "conversation.read"
    MESSAGES_SEARCH = "messages.search"
    ORDER_CREATE = "order.create"
    ORDER_CONFIRM = "order.confirm"
    ORDER_PAY = "order.pay"
    ORDER_CANCEL = "order.cancel"
    ORDER_REFUND = "order.refund"
    CATALOGUE_REMOVE = "catalogue.remove"
    DELIVERY_RETRY = "delivery.retry"
    WEBHOOK_CREATE = "webhook.create"
    WEBHOOK_EDIT = "webhook.edit"
    WEBHOOK_REMOVE = "webhook.remove"
    WEBHOOK_TEST = "webhook.test"
    DEMO_CROWD = "demo.crowd"


class AuditEvent(Document):
    """One change, or one reading, of which `after` says what was asked for.

    `actor` is `{kind, id, name}`, `object` `{kind, id}` and a `number` where it has one.
    """

    key = StringField(required=True, max_length=200)
    at = DateTimeField(required=True)
    action = StringField(required=True, choices=list(Action))
    actor = DictField(required=True)
    on_behalf_of = StringField()
    object = DictField(required=True)
    before = DictField()
    after = DictField()
    reason = StringField(default="")
    address = StringField()
    request_id = StringField()
    # Shared by all events of one bulk decision.
    batch = StringField()
    outcome = StringField(required=True)

    meta: ClassVar[dict[str, Any]] = {
        "collection": "audit_events",
        "auto_create_index": False,
        "index_cls": False,
        "indexes": [
            {"fields": ["key"], "unique": True},
            # All that concerns one person: what they did, by themselves or by their keys, and what was done to something.
            {"fields": ["actor.id", "-_id"]},
            {"fields": ["on_behalf_of", "-_id"], "partialFilterExpression": {"on_behalf_of": {"$exists": True}}},
            {"fields": ["object.id", "-_id"]},
            # Whose a request was that is deleted.
            {"fields": ["before.user"], "partialFilterExpression": {"before.user": {"$exists": True}}},
        ],
    }
