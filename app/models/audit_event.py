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
        "indexes": [{"fields": ["key"], "unique": True}],
    }
