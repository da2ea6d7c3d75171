"""What sets one kind of request apart from the others, at a glance. CONTRIBUTING.md has the recipe for a new kind."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from app.models.actor import Actor
from app.models.domain_error import N_, FieldError, InvalidInput
from app.models.due_item import due_item
from app.models.token_request import Status, TokenRequest
from app.models.user import User
from app.services import beta_requests, duplicates, listing_requests, quota_requests
from app.services.submissions import Eligibility


class Effect(Protocol):
    """Makes the item that is due with a decision; `granted` is what the reviewer chose, for kinds in `GRANTS`."""

    def __call__(
        self, token_request: TokenRequest, *, key: str, by: Actor, at: datetime, granted: int | None
    ) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Range:
    """What a reviewer may choose with an approval, and what is meant where they choose nothing."""

    least: int
    most: int
    default: int


def take_back_tokens(
    token_request: TokenRequest, *, key: str, by: Actor, at: datetime, granted: int | None
) -> dict[str, Any]:
    """What is due with a revocation: what is left of what the last approval gave goes back."""
    number = token_request.number
    return due_item(
        key,
        "account.revoke",
        at=at,
        user=token_request.user,
        undoes=token_request.approval_key,
        by=by.stamp(),
        reason=f"Request #{number} revoked",
        reference={"request": number},
    )


# What approval gives, and what revoking takes back.
ON_APPROVAL: dict[str, Effect] = {
    "quota": quota_requests.reset_allowance,
    "beta": beta_requests.grant_credits,
    "listing": listing_requests.list_token,
}
ON_REVOCATION: dict[str, Effect] = {
    "quota": take_back_tokens,
    "beta": take_back_tokens,
    "listing": listing_requests.unlist_token,
}
# Whether a user may submit one now.
ELIGIBILITY: dict[str, Callable[[User], Eligibility]] = {
    "quota": quota_requests.can_submit,
    "beta": beta_requests.can_submit,
    "listing": listing_requests.can_submit,
}
# When a user is invited to submit one, for kinds that not everybody has a reason for; it refuses nobody.
INVITED_WHEN: dict[str, Callable[[User], bool]] = {
    "quota": quota_requests.has_run_out,
}
# How one is submitted: `SUBMIT[kind](user, by=…, **what the kind's form gives)`.
SUBMIT: dict[str, Callable[..., TokenRequest]] = {
    "quota": quota_requests.submit,
    "beta": beta_requests.submit,
    "listing": listing_requests.submit,
}
# How its owner changes one while it is pending, for kinds that have something to change: `EDIT[kind](request, version=…, **…)`.
EDIT: dict[str, Callable[..., TokenRequest]] = {
    "quota": quota_requests.edit,
    "listing": listing_requests.edit,
}
# The kinds whose rejection must be explained to the requester.
RESPONSE_REQUIRED = frozenset({"quota"})
# The kinds of which the reviewer says how many tokens an approval gives.
GRANTS = {"beta": Range(1, 10_000, default=100)}
# The statuses in which a decided request keeps its user's slot.
SLOT_KEPT_BY: dict[str, Callable[[], frozenset[Status]]] = {
    "quota": frozenset,
    "beta": beta_requests.slot_kept_by,
    "listing": listing_requests.slot_kept_by,
}
# The kinds that are about a crypto token, by which the desk finds them.
ABOUT_TOKENS = frozenset({"listing"})
# What a reviewer should know of a request beside what it says itself, for the macro `evidence` of its kind's template.
EVIDENCE: dict[str, Callable[[Any], object]] = {
    "listing": duplicates.evidence,
}
# The kinds that others can support, and whose supporters hear of the decision.
SUPPORTED = frozenset({"listing"})


def granted(kind: str, tokens: int | None) -> int | None:
    """How many tokens an approval gives: what the reviewer chose, else the default; None for kinds of which nobody chooses.

    Raises `InvalidInput` of the field `granted`.
    """
    range_ = GRANTS.get(kind)
    if range_ is None:
        if tokens is not None:
            raise InvalidInput(errors={"granted": [N_("Nothing can be chosen for a request of this kind.")]})
        return None
    if tokens is None:
        return range_.default
    if type(tokens) is not int or not range_.least <= tokens <= range_.most:
        text = N_("Must be a whole number from %(least)s to %(most)s.")
        raise InvalidInput(errors={"granted": [FieldError(text, least=range_.least, most=range_.most)]})
    return tokens
