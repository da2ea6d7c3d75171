"""What taking an approval back would do to the requester's account, and what it has done."""

from app import clock
from app.models.actor import SYSTEM
from app.models.token_request import Status, TokenRequest
from app.services import request_kinds, taking_back
from app.services.taking_back import Return


def preview(token_request: TokenRequest) -> Return | None:
    """What revoking the approved request would take now, by the account's own rules; nothing is written.

    None where an approval of the kind gives no tokens, or has not given them yet.
    """
    at, by = clock.now(), SYSTEM
    item = request_kinds.ON_REVOCATION[token_request.kind](token_request, key="preview", by=by, at=at, granted=None)
    if item["verb"] != "account.revoke":
        return None
    return taking_back.forecast(token_request.user, item["arguments"]["undoes"])


def outcome(token_request: TokenRequest) -> Return | None:
    """What the revocation of the revoked request took; None where it concerned no tokens, or is not done yet."""
    place = max(n for n, step in enumerate(token_request.history) if step["to_status"] == Status.REVOKED)
    return taking_back.outcome(token_request.user, f"request:{token_request.id}:{place}")
