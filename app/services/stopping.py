"""Why a user was stopped: the rule that refuses now, what led to it, and the way on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.models.account import ALLOWANCE, Account, EntryType, Hold, Policy
from app.models.user import User
from app.services import account_moment, account_reading, quota_requests
from app.services.account_moment import Choice, Entry, Moment
from app.services.submissions import Eligibility

MOST_EXPIRED = 5


class Rule(StrEnum):
    """What refuses the next answer; the first that applies is named."""

    INACTIVE = "inactive"
    HELD = "held"
    TIER_LOWERED = "tier_lowered"
    NO_ALLOWANCE = "no_allowance"
    USED_UP = "used_up"


@dataclass(frozen=True, slots=True)
class Stop:
    """`rule` is None where nothing stops the user. Entries are of this period, `enough_at` is when holds alone free enough."""

    rule: Rule | None
    needed: int
    account: Account
    eligibility: Eligibility
    holds: Sequence[Hold]
    expired: Sequence[Entry]
    lowered: Entry | None
    enough_at: datetime | None


def why_stopped(user: User) -> Stop:
    """What stops the user's next answer in the chat."""
    moment = account_moment.take(user.id)
    account, policy = moment.account, account_reading.policy()
    is_out, needed = policy.is_out(account.available), policy.out_of_tokens
    after = moment.before_period() if is_out else 0
    expiries = Choice(types=frozenset({EntryType.EXPIRY}), after=after)
    lowered = _lowered(moment, after) if is_out else None
    return Stop(
        rule=_rule(user, account, policy, lowered),
        needed=needed,
        account=account,
        eligibility=quota_requests.can_submit(user),
        holds=sorted(account.holds, key=lambda hold: hold.expires_at),
        expired=moment.newest(expiries, MOST_EXPIRED) if is_out else [],
        lowered=lowered,
        enough_at=_enough_at(account, needed),
    )


def _rule(user: User, account: Account, policy: Policy, lowered: Entry | None) -> Rule | None:
    if not user.active:
        return Rule.INACTIVE
    if not policy.is_out(account.available):
        return None
    if not policy.is_out(account.balance):
        return Rule.HELD
    if lowered is not None:
        return Rule.TIER_LOWERED
    return Rule.USED_UP if account.has_allowance else Rule.NO_ALLOWANCE


def _lowered(moment: Moment, after: int) -> Entry | None:
    """The newest change of the tier in this period, where it took something away."""
    changes = Choice(types=frozenset({EntryType.ADJUSTMENT}), sources=frozenset({ALLOWANCE}), after=after)
    newest = moment.newest(changes, 1)
    return newest[0] if newest and newest[0]["amount"] < 0 else None


def _enough_at(account: Account, needed: int) -> datetime | None:
    """When so many holds have ended by themselves that enough is available; None where that helps nothing."""
    if account.balance < needed:
        return None
    held = account.held
    for hold in sorted(account.holds, key=lambda hold: hold.expires_at):
        held -= hold.amount
        if account.balance - held >= needed:
            return hold.expires_at
    return None
