"""Every address that writes, with the event that it leaves and how to make it do so, or with the reason why it leaves none."""

from collections.abc import Callable
from uuid import uuid4

from werkzeug.test import TestResponse

from app.models.audit_event import Action
from tests.factories import make_request, make_user
from tests.guards.audited_scene import (
    ASSISTANT,
    Scene,
    approved_request,
    bulk,
    canned_response,
    dead_delivery,
    edit_assistant,
    end_own_key,
    listed_token,
    own_key,
    placed_order,
    rejected_request,
    stuck_request,
    webhook,
)
from tests.steps import make_beta, make_listing

WORDS = {"response": "Because."}
HOOK = {"url": "http://127.0.0.1:9/hook", "events": ["order.paid"], "active": "y", "version": "1"}
SAID = {"title": "Later", "text": "Not this week.", "version": "1"}
TOKENS = {"reason": "A prize"}
GIVEN = {"reason": "Support", "amount": 50_000}

AUDITED: dict[str, tuple[Action, Callable[[Scene], TestResponse]]] = {
    "admin_request_decisions.approve": (
        Action.REQUEST_APPROVE,
        lambda to: to.decide("approve", make_request(), **WORDS),
    ),
    "admin_request_decisions.reject": (Action.REQUEST_REJECT, lambda to: to.decide("reject", make_request(), **WORDS)),
    "admin_request_decisions.mark_spam": (Action.REQUEST_SPAM, lambda to: to.decide("spam", make_request())),
    "admin_request_decisions.ask": (Action.REQUEST_ASK, lambda to: to.decide("ask", make_request(), **WORDS)),
    "admin_request_decisions.reopen": (
        Action.REQUEST_REOPEN,
        lambda to: to.decide("reopen", rejected_request(), note="Again"),
    ),
    "admin_request_decisions.revoke": (
        Action.REQUEST_REVOKE,
        lambda to: to.decide("revoke", approved_request(), reason="No"),
    ),
    "admin_request_decisions.add_note": (Action.REQUEST_NOTE, lambda to: to.decide("note", make_request(), text="Hm.")),
    "admin_request_decisions.retry": (Action.REQUEST_RETRY, lambda to: to.decide("retry", stuck_request())),
    "admin_request_batches.start": (Action.REQUEST_SPAM, bulk),
    "admin_canned_responses.new": (Action.CANNED_RESPONSE_CREATE, lambda to: to.post("canned-responses/new", **SAID)),
    "admin_canned_responses.edit": (
        Action.CANNED_RESPONSE_EDIT,
        lambda to: to.post(f"canned-responses/{canned_response()}", **{**SAID, "title": "Sooner"}),
    ),
    "admin_canned_responses.remove": (
        Action.CANNED_RESPONSE_REMOVE,
        lambda to: to.post(f"canned-responses/{canned_response()}/remove"),
    ),
    "admin_orders.confirm": (Action.ORDER_CONFIRM, lambda to: to.post(f"orders/{placed_order()}/confirm", note="")),
    "admin_orders.cancel": (Action.ORDER_CANCEL, lambda to: to.post(f"orders/{placed_order()}/cancel")),
    "admin_orders.refund": (
        Action.ORDER_REFUND,
        lambda to: to.post(f"orders/{placed_order(paid=True)}/refund", reason="Ordered twice"),
    ),
    "admin_assistants.new": (Action.ASSISTANT_CREATE, lambda to: to.post("assistants/new", **ASSISTANT)),
    "admin_assistants.edit": (Action.ASSISTANT_EDIT, edit_assistant),
    "admin_catalogue.remove": (
        Action.CATALOGUE_REMOVE,
        lambda to: to.post(f"catalogue/{listed_token()}/remove", reason="Drained"),
    ),
    "admin_deliveries.retry": (Action.DELIVERY_RETRY, lambda to: to.post(f"deliveries/{dead_delivery()}/retry")),
    "admin_webhooks.new": (Action.WEBHOOK_CREATE, lambda to: to.post("webhooks/new", **HOOK, key="a form")),
    "admin_webhooks.edit": (Action.WEBHOOK_EDIT, lambda to: to.post(f"webhooks/{webhook()}", **HOOK, key="a form")),
    "admin_webhooks.send_test": (Action.WEBHOOK_TEST, lambda to: to.post(f"webhooks/{webhook()}/test")),
    "admin_webhooks.remove": (Action.WEBHOOK_REMOVE, lambda to: to.post(f"webhooks/{webhook()}/remove")),
    "admin_user_tokens.do_reset": (
        Action.ACCOUNT_RESET,
        lambda to: to.change("reset", **TOKENS, key=uuid4().hex),
    ),
    "admin_user_tokens.do_bonus": (
        Action.ACCOUNT_BONUS,
        lambda to: to.change("bonus", **TOKENS, amount="500", key=uuid4().hex),
    ),
    "admin_user_changes.tier": (Action.USER_SET_TIER, lambda to: to.change("tier", tier="pro", reason="Bought")),
    "admin_user_changes.phone": (Action.USER_SET_PHONE, lambda to: to.change("phone", phone="+7 999 123-45-67")),
    "admin_user_changes.permissions": (
        Action.USER_SET_PERMISSIONS,
        lambda to: to.change("permissions", permissions=["users.read", "audit.read"], seen="users.read"),
    ),
    "admin_user_changes.give_role": (Action.USER_GRANT_ROLE, lambda to: to.change("roles/reviewer/give")),
    "admin_user_changes.take_role": (Action.USER_REVOKE_ROLE, lambda to: to.change("roles/support/take")),
    "admin_user_changes.deactivate": (Action.USER_DEACTIVATE, lambda to: to.change("deactivate")),
    "admin_user_changes.activate": (Action.USER_ACTIVATE, lambda to: to.change("activate")),
    "settings_api_keys.api_keys": (Action.KEY_CREATE, own_key),
    "settings_api_keys.revoke": (Action.KEY_REVOKE, end_own_key),
    # By a key:
    "api_host_users.put": (
        Action.USER_CREATE,
        lambda to: to.call("PUT", "users/external:new", {"email": "new@example.com"}),
    ),
    "api_sign_in_links.create": (
        Action.SIGN_IN_LINK_CREATE,
        lambda to: to.call("POST", "sign-in-links", {"user": str(make_user().id)}),
    ),
    "api_token_requests.submit": (
        Action.REQUEST_SUBMIT,
        lambda to: to.call("POST", "token-requests", {"reason": "I ran out."}),
    ),
    "api_beta.submit": (Action.REQUEST_SUBMIT, lambda to: to.call("POST", "beta/request")),
    "api_purchase.purchase": (Action.ORDER_CREATE, lambda to: to.call("POST", "tokens/purchase", {"package": "basic"})),
    "api_admin_token_requests.approve": (
        Action.REQUEST_APPROVE,
        lambda to: to.call("PUT", f"admin/token-requests/{make_request().number}/approve", {}),
    ),
    "api_admin_token_requests.reject": (
        Action.REQUEST_REJECT,
        lambda to: to.call("PUT", f"admin/token-requests/{make_request().number}/reject", {"adminResponse": "No."}),
    ),
    "api_admin_listings.update": (
        Action.REQUEST_APPROVE,
        lambda to: to.call("PUT", f"admin/listing-requests/{make_listing().number}", {"status": "approved"}),
    ),
    "api_admin_listing_batches.bulk_action": (
        Action.REQUEST_REJECT,
        lambda to: to.call(
            "POST",
            "admin/listing-requests/bulk-action",
            {"action": "reject", "request_ids": [make_listing().number], "admin_notes": "No."},
        ),
    ),
    "api_admin_beta.approve": (
        Action.REQUEST_APPROVE,
        lambda to: to.call("POST", "admin/beta-approve", {"requestId": make_beta().number}),
    ),
    "api_admin_beta.reject": (
        Action.REQUEST_REJECT,
        lambda to: to.call("POST", "admin/beta-reject", {"requestId": make_beta().number}),
    ),
    "api_gallery_users.reset": (
        Action.ACCOUNT_RESET,
        lambda to: to.call("POST", f"admin/gallery-users/{make_user().id}/quota/reset", {"reason": "Support"}),
    ),
    "api_gallery_users.add_tokens": (
        Action.ACCOUNT_BONUS,
        lambda to: to.call("POST", f"admin/gallery-users/{make_user().id}/quota/add-tokens", GIVEN),
    ),
}

OWN = "a user's own doing, about themselves"
OWN_SIGN_IN = "how a user signs in; what changes it for good leaves an event, as its own tests say"
LEDGER = "spends and holds have the ledger for their trail"
UNAUDITED = {
    **dict.fromkeys(
        (
            *("sign_in.sign_in", "sign_in.code", "sign_in.sign_out", "sign_in_link.use", "register.register"),
            *("reset_password.reset_password", "reset_password.new_password"),
            *("confirm_email.confirm", "confirm_email.send_again"),
            *("settings_email.email", "settings_email.cancel", "settings_email.confirm", "settings_password.password"),
            *("settings_sessions.end", "settings_sessions.end_others", "settings_two_factor.turn_on"),
            *("settings_two_factor.replace_app", "settings_two_factor.recovery_codes", "settings_two_factor.turn_off"),
            *("settings_two_factor.prove", "settings_two_factor.replace_recovery_codes", "settings_own_data.delete"),
        ),
        OWN_SIGN_IN,
    ),
    **dict.fromkeys(
        (
            *("requests.new", "requests.edit", "requests.answer", "requests.withdraw", "listings.support"),
            *("buy.order", "orders.pay", "orders.cancel", "notifications.open_", "notifications.mark_all_read"),
            *("settings_notices.notices", "unsubscribe.end", "settings_profile.profile", "language.choose"),
            *("chat_conversations.rename", "chat_conversations.delete", "chat_answers.stop"),
        ),
        OWN,
    ),
    "api_token_requests.support": "a user's own wish, and the support says whose and since when",
    **dict.fromkeys(
        (
            *("chat.send", "chat_answers.stream", "api_chat.send", "api_metering.usage"),
            *("api_holds.hold", "api_holds.settle", "api_holds.release"),
        ),
        LEDGER,
    ),
    "admin_requests.review_next": "a reservation steers, and decides nothing",
    "admin_request_decisions.release": "a reservation steers, and decides nothing",
    "admin_request_batches.preview": "it writes nothing",
    "admin_request_batches.resume": "it goes on with a batch, whose every decision is an event",
    "admin_orders.check": "it asks Stripe; what follows from the answer is an event of the system",
    "stripe_events.receive": "Stripe's word for what is an event of the system once it is believed",
}
