"""Listing requests for reviewers' programs: the desk's list, with pages by offset as well, as far as that is cheap."""

from typing import Any

from app.models.domain_error import UseCursor
from app.models.token_request import Status, TokenRequest
from app.services import desk, desk_search, listing_requests

# So many rows are skipped to reach a page by its offset.
LARGEST_OFFSET = 10_000


def filters(status: Status | None = None, text: str = "") -> desk.Filters:
    """Those in this status, or in any; `text` is the beginning of a symbol or of a word of a name, in any case."""
    terms = desk_search.words(text) if text.strip() else None
    return desk.Filters(kinds=[listing_requests.KIND], statuses=[status] if status else (), terms=terms)


def page(
    chosen: desk.Filters, *, oldest_first: bool = False, cursor: int | None = None, offset: int = 0, limit: int = 50
) -> list[TokenRequest]:
    """Up to `limit` requests in the order of their numbers, from `offset` rows beyond the number `cursor` on.

    Raises `UseCursor` where more would have to be skipped than may be.
    """
    if offset > LARGEST_OFFSET:
        raise UseCursor(most=LARGEST_OFFSET)
    onwards = "after" if oldest_first else "before"
    place: dict[str, Any] = {"oldest_first": oldest_first, onwards: cursor}
    if offset:
        skipped = desk.documents(chosen, **place, limit=offset, fields=["number"])
        if len(skipped) < offset:
            return []
        place[onwards] = skipped[-1]["number"]
    return desk.page(chosen, **place, limit=limit)
