"""What a user may ask for now, kind by kind, and what of it they are invited to."""

from dataclasses import dataclass

from app.models.user import User
from app.services import request_kinds
from app.services.submissions import Eligibility


@dataclass(frozen=True, slots=True)
class Offer:
    """A kind of request, whether the user may submit one, and whether there is a reason to suggest it."""

    kind: str
    eligibility: Eligibility
    has_reason: bool

    @property
    def is_inviting(self) -> bool:
        """Whether the user sees a button for it."""
        return self.has_reason and self.eligibility.can_request

    @property
    def is_worth_explaining(self) -> bool:
        """Whether the user is told why not, unasked; a request that is decided speaks for itself in the list."""
        is_refused = self.has_reason and self.eligibility.open_number is None
        return self.eligibility.has_pending or (is_refused and not self.eligibility.can_request)


def offers(user: User) -> list[Offer]:
    """One of each kind."""
    return [
        Offer(kind, can_submit(user), request_kinds.INVITED_WHEN.get(kind, _always)(user))
        for kind, can_submit in request_kinds.ELIGIBILITY.items()
    ]


def _always(_user: User) -> bool:
    return True
