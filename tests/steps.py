"""The steps of a request as tests take them, the table of who may take which, and requests that are brought to any status."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from bson import ObjectId
from time_machine import Traveller

from app.models.actor import SYSTEM, Actor
from app.models.audit_event import AuditEvent
from app.models.notification import Notification
from app.models.token_account import TokenAccount
from app.models.token_request import TokenRequest
from app.models.user import User
from app.services import beta_requests, expiry, listing_requests, review, token_requests
from tests.effects import stored
from tests.factories import OPERATOR, actor_of, make_admin, make_request, make_user

# Each step as it is called, with what it leads to.
STEPS = {
    "approve": (lambda one, **by: review.approve(one, response="Enjoy.", **by), "approved"),
    "reject": (lambda one, **by: review.reject(one, response="Not now.", **by), "rejected"),
    "mark_spam": (review.mark_spam, "spam"),
    "ask": (lambda one, **by: review.ask(one, question="What for?", **by), "needs_info"),
    "answer": (lambda one, **by: review.answer(one, answer="For a talk.", **by), "pending"),
    "withdraw": (review.withdraw, "withdrawn"),
    "reopen": (lambda one, **by: review.reopen(one, note="Another look", **by), "pending"),
    "revoke": (lambda one, **by: review.revoke(one, reason="A mistake.", **by), "revoked"),
}
# The table of the specification: what a reviewer, and what the owner, may do from each status.
BY_REVIEWER = {
    "pending": {"approve", "reject", "mark_spam", "ask"},
    "needs_info": {"reject", "mark_spam"},
    "approved": {"revoke"},
    "rejected": {"reopen"},
    "spam": {"reopen"},
    "withdrawn": set(),
    "expired": set(),
    "revoked": set(),
}
BY_OWNER = {"pending": {"withdraw"}, "needs_info": {"answer", "withdraw"}}
OWNERS_STEPS = {"answer", "withdraw"}
WORDS = {"approve": "Enjoy.", "reject": "Not now.", "ask": "What for?", "answer": "For a talk.", "revoke": "A mistake."}
# Who acts: who is the requester, and who takes the step.
WHO = ["owner", "reviewer", "reviewer who owns it", "operator", "system"]


def make_beta(owner: User | None = None) -> TokenRequest:
    """A beta request of `owner`, or of somebody new."""
    owner = owner or make_user()
    return beta_requests.submit(owner, by=actor_of(owner))


def make_listing(owner: User | None = None, **more: Any) -> TokenRequest:
    """A listing request of `owner`, or of somebody new, for a token at an address of its own."""
    owner = owner or make_user()
    given = {"token_symbol": "GOLD", "token_name": "Gold Coin", "blockchain": "ethereum"}
    address = {"contract_address": f"0x{ObjectId()}{'0' * 16}", "decimals": 18}
    return listing_requests.submit(owner, by=actor_of(owner), **(given | address | more))


# How a request of each kind begins.
KINDS: dict[str, Callable[[User | None], TokenRequest]] = {
    "quota": lambda owner: make_request(owner, used=40_000),
    "beta": make_beta,
    "listing": make_listing,
}


def make_rita() -> Actor:
    """The reviewer who brings requests to where a test begins."""
    return actor_of(make_user("rita@example.com", name="Rita", roles=["reviewer"]))


def allowed(status: str, who: str) -> set[str]:
    """The steps that the table allows."""
    return {
        "owner": BY_OWNER.get(status, set()),
        "reviewer": BY_REVIEWER[status],
        "reviewer who owns it": BY_OWNER.get(status, set()),
        "operator": BY_REVIEWER[status],
        "system": set(),
    }[who]


def request_in(
    status: str, rita: Actor, clock_hand: Traveller, owner: User | None = None, kind: str = "quota"
) -> TokenRequest:
    """A request that Rita, its owner or time has brought to `status`; its owner had used 40,000 tokens."""
    token_request = KINDS[kind](owner)
    requester = Actor("user", str(token_request.user), "")
    clock_hand.shift(timedelta(minutes=5))
    ways = {
        "pending": lambda: token_request,
        "needs_info": lambda: review.ask(token_request, by=rita, question="Why so much?"),
        "approved": lambda: review.approve(token_request, by=rita, response="Here you are."),
        "rejected": lambda: review.reject(token_request, by=rita, response="No."),
        "spam": lambda: review.mark_spam(token_request, by=rita),
        "withdrawn": lambda: review.withdraw(token_request, by=requester),
        "expired": lambda: (clock_hand.shift(timedelta(days=30)), expiry.wake_due()),
        "revoked": lambda: review.revoke(review.approve(token_request, by=rita), by=rita, reason="No."),
    }
    ways[status]()
    clock_hand.shift(timedelta(minutes=5))
    found = token_requests.by_id(token_request.id)
    assert (found.status, found.due) == (status, [])
    return found


def acting(who: str, token_request: TokenRequest) -> Actor:
    """The actor of that description."""
    return {
        "owner": lambda: Actor("user", str(token_request.user), "Olga"),
        "reviewer": lambda: actor_of(make_admin(name="Adam")),
        "reviewer who owns it": lambda: Actor("user", str(token_request.user), "Olga"),
        "operator": lambda: OPERATOR,
        "system": lambda: SYSTEM,
    }[who]()


def take(step: str, token_request: TokenRequest, by: Actor, **more: Any) -> TokenRequest:
    """Takes the step of that name, with the words that belong to it."""
    return STEPS[step][0](token_request, by=by, **more)


def everything(token_request: TokenRequest) -> tuple[Any, ...]:
    """All that a step could touch."""
    account = TokenAccount._get_collection().find_one({"_id": token_request.user})
    told = sorted((str(one.user), one.key, one.kind) for one in Notification.objects)
    return stored(token_request), account, told, sorted(AuditEvent.objects.scalar("key"))
