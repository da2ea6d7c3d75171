"""`/api/users`: who the users of the host product are. For keys with `usage.write`."""

from typing import Annotated, Any, Literal

from flask import Response
from pydantic import BaseModel, Field

from app import access
from app.access import requires
from app.models.permission import Permission
from app.models.user import User
from app.routes.api.frame import Body, answer, answers, api_blueprint, text
from app.routes.api.shapes import Id, Instant, Shape
from app.services import host_users, users

blueprint = api_blueprint("host_users", "Users of the host product")


# What is absent stays as it is: nothing reads these, and the API's document does not show them.
ABSENT: dict[str, Any] = {"default_factory": str}
ABSENT_LOCALE: dict[str, Any] = {"default_factory": lambda: "en"}


class HostUser(Body):
    """What the host product says of a user; what is absent stays as it is."""

    name: str = text(0, users.LONGEST_NAME, "What people are shown.", examples=["Ada"], **ABSENT)
    email: str = text(3, users.LONGEST_EMAIL, "A new user needs one.", examples=["ada@example.com"], **ABSENT)
    phone: str | None = text(
        5, 32, "With the country code; null takes it away.", examples=["+7 999 123-45-67"], **ABSENT
    )
    locale: Literal["en", "ru"] = Field(description="The language of pages and messages.", **ABSENT_LOCALE)
    tier: str = Field(description="One of the tiers in the settings.", examples=["free"], **ABSENT)


class ExternalId(BaseModel):
    """What the host product calls a user."""

    external_id: Annotated[str, Field(description="1 to 128 of A-Z a-z 0-9 . _ : -", examples=["u-17"])]


class UserShape(Shape):
    """A user."""

    id: Id
    external_id: str | None
    name: str
    email: str
    email_confirmed: bool
    phone: str | None = Field(description="E.164.")
    phone_confirmed: bool
    locale: str
    tier: str
    active: bool
    created_at: Instant


@blueprint.put("/users/external:<external_id>", responses=answers(UserShape, 404, 409) | {201: UserShape})
@requires(Permission.USAGE_WRITE)
def put(path: ExternalId, body: HostUser) -> Response:
    """Make a user, or change one: 201 or 200."""
    values = body.model_dump(exclude_unset=True)
    user, is_new = host_users.put(path.external_id, values, by=access.actor())
    return answer(_shape(user), 201 if is_new else 200)


def _shape(user: User) -> UserShape:
    return UserShape(
        id=str(user.id),
        external_id=user.external_id,
        name=user.name,
        email=user.email,
        email_confirmed=user.email_confirmed,
        phone=user.phone,
        phone_confirmed=user.phone_confirmed,
        locale=user.locale,
        tier=user.tier,
        active=user.active,
        created_at=user.created_at,
    )
