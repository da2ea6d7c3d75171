"""`/api/admin/gallery-users`: users' token accounts, for admins and their programs."""

from typing import Annotated

from flask import Response
from flask_babel import format_decimal
from flask_babel import gettext as _
from pydantic import BaseModel, Field

from app import access
from app.access import requires
from app.models.domain_error import N_, NotFound
from app.models.permission import Permission
from app.models.user import User
from app.routes.api import account_shapes, gallery_shapes
from app.routes.api.frame import CamelBody, JsonInt, Query, QueryInt, answer, answers, api_blueprint, text
from app.routes.api.gallery_shapes import CHOICES, Kind
from app.routes.api.idempotency import DOCUMENTED, answer_once, stored_key, takes_keys
from app.services import ledger, ledger_pages, token_accounts, users
from app.services.token_accounts import LARGEST_BONUS, LONGEST_DESCRIPTION

blueprint = api_blueprint("gallery_users", "Quota administration")
takes_keys(blueprint)

LARGEST_PAGE = 100


class OneUser(BaseModel):
    """A user."""

    user_id: Annotated[str, Field(description="The user's id.", examples=["6920258f1c9d440000a1b2c3"])]


class Chosen(Query):
    """Which entries, and which page of them."""

    page: Annotated[QueryInt, Field(ge=1)] = 1
    limit: Annotated[QueryInt, Field(ge=1, le=LARGEST_PAGE)] = 50
    type: Kind | None = None
    before: (
        Annotated[QueryInt, Field(description="Only entries with a smaller `seq`; pages are counted from there.")]
        | None
    ) = None


class Reason(CamelBody):
    """Why; kept in the ledger and the audit trail."""

    reason: str = text(1, LONGEST_DESCRIPTION, "Why; trimmed.", examples=["Customer support request"])


class Bonus(Reason):
    """How many tokens, and why."""

    amount: Annotated[JsonInt, Field(ge=1, le=LARGEST_BONUS, examples=[50_000])]


@blueprint.get("/admin/gallery-users/<user_id>/quota", responses=answers(gallery_shapes.Quota, 404))
@requires(Permission.USERS_READ)
def quota(path: OneUser) -> Response:
    """A user's token account as it is now."""
    account = token_accounts.view(_user(path).id)
    return answer(gallery_shapes.Quota(success=True, data=account_shapes.camel(account)))


@blueprint.get("/admin/gallery-users/<user_id>/quota/history", responses=answers(gallery_shapes.History, 404))
@requires(Permission.USERS_READ)
def history(path: OneUser, query: Chosen) -> Response:
    """Every change of the balance, newest first."""
    user = _user(path)
    chosen = CHOICES[query.type] if query.type else ledger.choice()
    page = ledger_pages.page(user.id, chosen, number=query.page, limit=query.limit, before_seq=query.before)
    return answer(gallery_shapes.history(str(user.id), page, number=query.page, limit=query.limit))


@blueprint.post(
    "/admin/gallery-users/<user_id>/quota/reset",
    responses=answers(gallery_shapes.Reset, 404, 409),
    openapi_extensions=DOCUMENTED,
)
@requires(Permission.USERS_MANAGE)
def reset(path: OneUser, body: Reason) -> Response:
    """Give the whole allowance again: a new period starts now."""
    user_id = _user(path).id
    outcome = token_accounts.reset(user_id, by=access.actor(), reason=body.reason, key=stored_key())
    message = _("Quota reset successfully")
    return answer_once(outcome, gallery_shapes.reset(token_accounts.view(user_id), message))


@blueprint.post(
    "/admin/gallery-users/<user_id>/quota/add-tokens",
    responses=answers(gallery_shapes.Added, 404, 409),
    openapi_extensions=DOCUMENTED,
)
@requires(Permission.USERS_MANAGE)
def add_tokens(path: OneUser, body: Bonus) -> Response:
    """Lower what the user has used; what is over becomes a grant."""
    user_id = _user(path).id
    outcome = token_accounts.add_bonus(user_id, body.amount, by=access.actor(), reason=body.reason, key=stored_key())
    message = _("%(amount)s tokens added successfully", amount=format_decimal(body.amount))
    return answer_once(outcome, gallery_shapes.added(token_accounts.view(user_id), body.amount, message))


def _user(path: OneUser) -> User:
    try:
        return users.get(path.user_id)
    except NotFound:
        raise NotFound(N_("Gallery user not found")) from None
