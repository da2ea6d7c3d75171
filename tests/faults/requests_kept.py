"""Whether each request that was submitted is there, is decided once, and has had each of its effects once."""

from collections import Counter

from app.models.notification import Notification
from app.models.permission import Permission
from app.models.token_request import TokenRequest
from app.models.user import User
from tests.effects import effects_of
from tests.faults.load import Asked, Decided
from tests.faults.tally import DONE, Tally, count_attempts

VERDICTS = {"approve": "approved", "reject": "rejected"}
EFFECTS: dict[str, dict[str, int]] = {
    "pending": {},
    "approved": {"reset": 1, "request_approved": 1, "request.approve": 1},
    "rejected": {"request_rejected": 1, "request.reject": 1},
}


def submitted(asked: list[Asked]) -> Tally:
    """Requests by the reasons that they were sent with."""
    found = count_attempts("quota request", asked)
    for one in asked:
        numbers = [token_request.number for token_request in TokenRequest.objects(user=one.user, reason=one.reason)]
        if one.status == DONE and one.number not in numbers:
            found.lost.append(f"{one}: {numbers}")
        if len(numbers) > (one.status in (DONE, None)):
            found.doubled.append(f"{one}: {numbers}")
    return found


def decided(decisions: list[Decided]) -> Tally:
    """Decisions, of which one stands on each request, and what followed from them."""
    found = count_attempts("decision", decisions)
    by_number = {token_request.number: token_request for token_request in TokenRequest.objects}
    for one in decisions:
        stands = _stands(one, by_number[one.number])
        if one.status == DONE and not stands:
            found.lost.append(f"{one}: {by_number[one.number].history}")
        if one.status not in (DONE, None) and stands:
            found.doubled.append(f"{one} was refused, and stands")
    reviewers = User.objects.who_may(Permission.REQUESTS_REVIEW).count()
    for token_request in by_number.values():
        steps = 1 if token_request.is_open else 2
        expected = Counter({"request_received": 1, "told": reviewers, "steps": steps, **EFFECTS[token_request.status]})
        came = effects_of(token_request)
        came["told"] = Notification.objects(key=f"request:{token_request.id}:0", kind="request_waiting").count()
        came["steps"] = len(token_request.history)
        if missing := expected - came:
            found.lost.append(f"of request {token_request.number}, {token_request.status}: {missing}")
        if extra := came - expected:
            found.doubled.append(f"of request {token_request.number}, {token_request.status}: {extra}")
    return found


def _stands(one: Decided, token_request: TokenRequest) -> bool:
    decision = token_request.decision or {"by": {"id": None}, "response": None}
    taken = (token_request.status, decision["by"]["id"], decision["response"])
    return taken == (VERDICTS[one.verdict], str(one.by), one.response)
