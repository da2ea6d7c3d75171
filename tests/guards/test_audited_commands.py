"""Whatever an operator changes by any command leaves its event in the audit trail, or it stands here why not."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import time_machine

from app import clock
from app.models.audit_event import Action, AuditEvent
from app.models.token_account import TokenAccount
from app.models.user import User
from app.services import api_keys, token_accounts, user_changes
from tests.factories import OPERATOR, PASSWORD, make_request, make_user
from tests.guards.audited_scene import (
    approved_request,
    dead_delivery,
    listed_token,
    placed_order,
    rejected_request,
    stuck_request,
)
from tests.guards.test_cli_help import _commands

READS = {
    *("audit list", "audit verify", "catalogue list", "catalogue export", "db check", "deliveries list", "doctor"),
    *("keys list", "ledger history", "ledger verify", "orders list", "orders show", "quota show", "requests list"),
    *("requests show", "requests stats", "stats show", "users list", "users show"),
}
UNAUDITED = {
    "audit seal": "it adds to the proof, not to the trail",
    "db dump": "it reads what whoever has the database reads anyway, also of a database that cannot be written to",
    "db restore": "it puts the trail that was dumped in the place of this one",
    "db init": "it changes the shape of the database, which the migrations record",
    "db migrate": "it changes the shape of the database, which the migrations record",
    "stats rebuild": "it counts again what the ledger says",
    "orders reconcile": "it asks Stripe; what follows from the answer is an event of the system",
    "worker": "what it does is what others have decided; what the system decides itself is an event",
    "serve": "it changes nothing",
}


def _user(**more: Any) -> str:
    return str(make_user(**more).email)


def _deactivated() -> str:
    user = make_user()
    user_changes.deactivate(user.id, by=OPERATOR)
    return str(user.email)


def _changed(values: dict[str, Any]) -> str:
    """A user in a state that takes more steps to come to than matter here."""
    user = make_user()
    User.objects(id=user.id).update(**values)
    return str(user.email)


def _key() -> str:
    return str(api_keys.create(make_user().id, name="A program", scopes=["self"], by=OPERATOR)[0].id)


def _other_terms() -> list[str]:
    user = make_user()
    token_accounts.spend(user.id, 1, by=OPERATOR)
    TokenAccount.objects(id=user.id).update(limit=5)
    return ["--yes"]


def _pending() -> str:
    return str(make_request().number)


WHY = ("--reason", "Because.")
AUDITED: dict[str, tuple[Action, Callable[[], list[str]]]] = {
    "audit export": (Action.AUDIT_EXPORT, list),
    "catalogue remove": (Action.CATALOGUE_REMOVE, lambda: [str(listed_token()), *WHY, "--yes"]),
    "deliveries retry": (Action.DELIVERY_RETRY, lambda: [str(dead_delivery())]),
    "demo seed": (Action.USER_CREATE, list),
    "keys create": (Action.KEY_CREATE, lambda: [_user(), "--name", "A program", "--scope", "self"]),
    "keys revoke": (Action.KEY_REVOKE, lambda: [_key(), "--yes"]),
    "ledger export": (Action.LEDGER_EXPORT, lambda: [_user()]),
    "orders cancel": (Action.ORDER_CANCEL, lambda: [str(placed_order()), "--yes"]),
    "orders confirm": (Action.ORDER_CONFIRM, lambda: [str(placed_order()), "--yes"]),
    "orders refund": (Action.ORDER_REFUND, lambda: [str(placed_order(paid=True)), *WHY, "--yes"]),
    "quota add-bonus": (Action.ACCOUNT_BONUS, lambda: [_user(), "500", *WHY]),
    "quota apply-tiers": (Action.ACCOUNT_CHANGE_TIER, _other_terms),
    "quota grant": (Action.ACCOUNT_GRANT, lambda: [_user(), "500", *WHY]),
    "quota reset": (Action.ACCOUNT_RESET, lambda: [_user(), *WHY]),
    "requests approve": (Action.REQUEST_APPROVE, lambda: [_pending(), "--yes"]),
    "requests ask": (Action.REQUEST_ASK, lambda: [_pending(), "--question", "What for?"]),
    "requests delete": (Action.REQUEST_DELETE, lambda: [str(rejected_request().number), "--yes"]),
    "requests expire": (Action.REQUEST_EXPIRE, lambda: [_pending()][1:]),
    "requests export": (Action.REQUESTS_EXPORT, list),
    "requests finish": (Action.REQUEST_RETRY, lambda: [str(stuck_request().number)]),
    "requests note": (Action.REQUEST_NOTE, lambda: [_pending(), "--text", "Hm."]),
    "requests reject": (Action.REQUEST_REJECT, lambda: [_pending(), "--response", "No.", "--yes"]),
    "requests reopen": (Action.REQUEST_REOPEN, lambda: [str(rejected_request().number), "--note", "Again"]),
    "requests revoke": (Action.REQUEST_REVOKE, lambda: [str(approved_request().number), *WHY]),
    "requests spam": (Action.REQUEST_SPAM, lambda: [_pending(), "--yes"]),
    "users activate": (Action.USER_ACTIVATE, lambda: [_deactivated()]),
    "users confirm-email": (Action.USER_CONFIRM_EMAIL, lambda: [_changed({"email_confirmed": False})]),
    "users create": (Action.USER_CREATE, lambda: ["new@example.com", "--password-stdin"]),
    "users deactivate": (Action.USER_DEACTIVATE, lambda: [_user(), "--yes"]),
    "users grant-role": (Action.USER_GRANT_ROLE, lambda: [_user(), "support"]),
    "users reset-two-factor": (Action.USER_TURN_OFF_TWO_FACTOR, lambda: [_changed({"totp_secret": "x"}), "--yes"]),
    "users revoke-role": (Action.USER_REVOKE_ROLE, lambda: [_user(roles=["support"]), "support"]),
    "users set-password": (Action.USER_SET_PASSWORD, lambda: [_user(), "--password-stdin"]),
    "users set-tier": (Action.USER_SET_TIER, lambda: [_user(), "pro"]),
}
# What only time brings.
AFTER = {"requests delete": timedelta(days=31), "requests expire": timedelta(days=31)}
# What changes several things at once, each of which has its event: people are made, and whatever was pending before expires.
SEVERAL = {"demo seed", "requests expire"}


def test_every_command_leaves_an_event_or_has_a_reason_to_leave_none(app):
    commands = {" ".join(path[1:]) for path, _command in _commands(app.cli)}
    assert commands == READS | AUDITED.keys() | UNAUDITED.keys()
    assert len(READS) + len(AUDITED) + len(UNAUDITED) == len(commands)


def test_each_of_them_leaves_its_event_once(app):
    wrong = {}
    for command, (action, arguments) in AUDITED.items():
        words = [*command.split(), *arguments()]
        AuditEvent.objects.delete()
        with time_machine.travel(clock.now() + AFTER.get(command, timedelta())):
            result = app.test_cli_runner().invoke(args=words, input=f"{PASSWORD}\n")
        events = list(AuditEvent.objects(action=action))
        once_each = len({event.object["id"] for event in events}) == len(events)
        as_many = len(events) > 1 if command in SEVERAL else len(events) == 1
        by = {event.actor["kind"] for event in events}
        if result.exit_code or not (once_each and as_many and by in ({"cli"}, {"system"})):
            wrong[command] = (result.exit_code, len(events), by, result.output[-300:])
    assert wrong == {}
