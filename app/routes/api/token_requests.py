"""`/api/token-requests`: what users ask for, of every kind."""

from typing import Annotated, Any

from flask import Response, g
from flask_babel import gettext as _
from flask_login import current_user
from pydantic import BaseModel, Field, RootModel, model_validator

from app import access
from app.access import owner_or
from app.models.api_key import SELF
from app.models.blockchain import BLOCKCHAINS
from app.models.domain_error import N_, AlreadyDecided, InvalidInput, NotFound
from app.models.permission import Permission
from app.models.user import User
from app.routes.api import beta_shapes, listing_shapes, quota_shapes
from app.routes.api.frame import Body, JsonInt, Query, answer, answers, api_blueprint, text
from app.services import listing_requests, quota_requests, supports, token_requests, users

blueprint = api_blueprint("token_requests", "Token requests")
MINE = 10
WHOSE = (
    "For keys with `usage.write`: whose it is, an id, `external:<id>`, or a confirmed e-mail address or phone number."
)
# A request as its owner sees it, by kind.
OWN = {"quota": quota_shapes.own, "beta": beta_shapes.own, "listing": listing_shapes.own}
# What is only said of a token that is to be listed.
OF_A_TOKEN = frozenset({"token_symbol", "token_name", "blockchain", "contract_address", "decimals", "additional_info"})


class NewQuotaRequest(Body):
    """Why the allowance should be reset."""

    reason: str = text(
        1, quota_requests.LONGEST_REASON, "Why; trimmed.", examples=["I am preparing a talk and ran out."]
    )
    user: str | None = text(1, 254, WHOSE, default=None)


class NewListingRequest(Body):
    """Which crypto token should be listed."""

    token_symbol: str = text(1, listing_requests.LONGEST_SYMBOL, "Trimmed.", examples=["MYTOKEN"])
    token_name: str = text(1, listing_requests.LONGEST_NAME, "Trimmed.", examples=["My Token"])
    blockchain: str = Field(json_schema_extra={"enum": list(BLOCKCHAINS)}, examples=["ethereum"])
    contract_address: str | None = text(
        0, listing_requests.LONGEST_ADDRESS, "As the blockchain writes addresses.", default=None
    )
    decimals: Annotated[JsonInt, Field(ge=0, le=listing_requests.MOST_DECIMALS)] | None = None
    reason: str | None = text(0, listing_requests.LONGEST_REASON, "Why; trimmed.", default=None)
    additional_info: dict[str, Any] | None = Field(
        None,
        description="What else there is to say: up to 20 texts by name.",
        json_schema_extra={"additionalProperties": {"type": "string", "maxLength": listing_requests.LONGEST_FACT}},
    )
    user_id: str | None = text(1, 254, "The caller's own id; for keys with `usage.write`, anybody's.", default=None)
    user: str | None = text(1, 254, WHOSE, default=None)


class NewRequest(RootModel[NewQuotaRequest | NewListingRequest]):
    """A request to reset the allowance, or to list a token: whatever says something of a token is of the second kind."""

    @model_validator(mode="before")
    @classmethod
    def _of_its_kind(cls, value: dict[str, Any]) -> Body:
        # What is wrong is then said of the fields of one kind, not of two.
        return (NewListingRequest if value.keys() & OF_A_TOKEN else NewQuotaRequest).model_validate(value)


class RequestSubmitted(RootModel[quota_shapes.Submitted | listing_shapes.ListingSubmitted]):
    """A request was submitted, as clients of its kind know it."""


class OwnRequest(
    RootModel[quota_shapes.QuotaRequest | beta_shapes.BetaRequestShape | listing_shapes.OwnListingRequest]
):
    """A request as its owner sees it, in the shape of its kind."""


class OneOfRequests(BaseModel):
    """A request by its number or its id."""

    reference: Annotated[str, Field(description="The request's number or its id.", examples=["123"])]


class Whose(Query):
    """Whom a question is about."""

    user: str | None = text(1, 254, WHOSE, default=None)


@blueprint.post("/token-requests", responses=answers(RequestSubmitted, 404, 409, status=201))
@owner_or(Permission.USAGE_WRITE)
def submit(body: NewRequest) -> Response:
    """Ask for the allowance to be reset, or for a crypto token to be listed."""
    asked = body.root
    if isinstance(asked, NewListingRequest):
        return _submit_listing(asked)
    token_request = quota_requests.submit(_subject(asked.user), reason=asked.reason, by=access.actor())
    shape = quota_shapes.Submitted(message=_("Token request submitted"), request=quota_shapes.own(token_request))
    return answer(shape, 201)


@blueprint.get("/token-requests/my-requests", responses=answers(quota_shapes.QuotaRequests))
@owner_or()
def mine() -> Response:
    """The caller's ten newest quota requests."""
    found = token_requests.mine(current_user.id, kind=quota_requests.KIND, limit=MINE)
    return answer(quota_shapes.QuotaRequests([quota_shapes.own(one) for one in found]))


@blueprint.get("/token-requests/can-request", responses=answers(quota_shapes.CanRequest, 404))
@owner_or(Permission.USAGE_WRITE)
def can_request(query: Whose) -> Response:
    """Whether asking for a reset is possible now, and if not, why and when again."""
    found = quota_requests.can_submit(_subject(query.user))
    return answer(
        quota_shapes.CanRequest(
            can_request=found.can_request,
            has_pending=found.has_pending,
            requests_today=found.requests_today,
            max_requests_per_day=found.max_requests_per_day,
            reason_code=found.reason_code,
            next_allowed_at=found.next_allowed_at,
        )
    )


@blueprint.get("/token-requests/<reference>", responses=answers(OwnRequest, 404))
@owner_or()
def one(path: OneOfRequests) -> Response:
    """One of the caller's own requests, of any kind."""
    token_request = token_requests.find(path.reference)
    if token_request.user != current_user.id:
        raise token_requests.not_there()
    return answer(OWN[token_request.kind](token_request))


@blueprint.post("/token-requests/<reference>/support", responses=answers(listing_shapes.Supported, 404, 409))
@owner_or()
def support(path: OneOfRequests) -> Response:
    """Support somebody else's open listing request, instead of asking for the same; once or often is the same."""
    token_request = token_requests.find(path.reference, kind=listing_requests.KIND)
    try:
        supporters = supports.support(current_user, token_request.number, by=access.actor())
    except AlreadyDecided as refusal:
        # Who decided, and how, is for its owner to hear.
        raise AlreadyDecided(N_("Request #%(number)s is decided already."), number=refusal.values["number"]) from None
    return answer(listing_shapes.Supported(supporters=supporters))


def _submit_listing(asked: NewListingRequest) -> Response:
    user = _subject(asked.user, user_id=asked.user_id)
    given = asked.model_dump(exclude={"user", "user_id"})
    token_request = listing_requests.submit(user, by=access.actor(), **given)
    message = _("Token request submitted successfully")
    return answer(listing_shapes.ListingSubmitted(message=message, request_id=token_request.number), 201)


def _subject(reference: str | None, *, user_id: str | None = None) -> User:
    """Whose request it is: the caller's, who may say so by id, or for a metering key the user whom it names."""
    api_key = g.get("api_key")
    may_name = api_key is not None and api_key.allows(Permission.USAGE_WRITE)
    if reference is not None and not may_name:
        raise InvalidInput(errors={"user": [N_("Only a key with usage.write may name a user.")]})
    if reference is not None and user_id is not None:
        raise InvalidInput(errors={"user": [N_("Name the user once: as user or as user_id.")]})
    if reference is not None:
        return users.resolve(reference)
    if user_id is not None:
        return users.get(user_id if may_name else _own_id(user_id))
    if may_name and not api_key.allows(SELF):
        raise InvalidInput(errors={"user": [N_("This key must name a user: an id or external:<id>.")]})
    return current_user


def _own_id(user_id: str) -> str:
    if user_id != str(current_user.id):
        raise NotFound(N_("There is no such user."))
    return user_id
