"""What the endpoints for reviewers share, whatever the kind: their list, and the refusal of what is decided already."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from flask import Response, url_for
from pydantic import BaseModel, Field

from app.models.domain_error import AlreadyDecided, AlreadyProcessed
from app.models.token_request import Status
from app.routes.api.frame import Query, QueryInt, answer, fields
from app.services import desk

MOST = 200


class Chosen(Query):
    """Which requests, and which page of them."""

    status: Status | None = None
    limit: Annotated[QueryInt, Field(ge=1, le=MOST)] = 50
    cursor: Annotated[QueryInt, Field(description="As the `Link` of the page before gave it.")] | None = None


def page(kind: str, query: Chosen, reviewed: Callable[[Any], BaseModel]) -> Response:
    """Requests of the kind, newest first, as `reviewed` shows them; the view that answers with it is called `chosen`."""
    filters = desk.Filters(kinds=[kind], statuses=[query.status] if query.status else ())
    found = desk.page(filters, before=query.cursor, limit=query.limit + 1)
    shown = found[: query.limit]
    response = answer(reviewed(shown))
    response.headers["X-Total-Count"] = str(desk.count(filters))
    if len(found) > query.limit:
        place = {"status": query.status, "limit": query.limit, "cursor": shown[-1].number}
        response.headers["Link"] = f'<{url_for(".chosen", _external=True, **place)}>; rel="next"'
    return response


@contextmanager
def deciding(**names: str) -> Iterator[None]:
    """Around a decision: as `fields`, and what is decided already is refused with 400, as these clients know it, not with 409."""
    try:
        with fields(**names):
            yield
    except AlreadyDecided as error:
        raise AlreadyProcessed(**error.values) from None
