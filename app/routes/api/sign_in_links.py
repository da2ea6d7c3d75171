"""`/api/sign-in-links`: how the host product brings its users here without a password. For keys with `users.sign_in`."""

from typing import Annotated

from flask import Response

from app import access
from app.access import requires, safe_next
from app.models.domain_error import N_, InvalidInput
from app.models.permission import Permission
from app.public_url import public_url
from app.routes.api.frame import Body, answer, answers, api_blueprint, text
from app.routes.api.shapes import Instant, Shape
from app.routes.api.subject import UserName
from app.services import sign_in_links, users

blueprint = api_blueprint("sign_in_links", "Users of the host product")


class NewLink(Body):
    """Whom to sign in, and where they want to go."""

    user: UserName
    next: Annotated[str, text(1, 2_000, "A path on this site.", examples=["/requests/new?kind=quota"])] = "/"


class LinkShape(Shape):
    """A link for the user's browser: one use."""

    url: str
    expires_at: Instant


@blueprint.post("/sign-in-links", responses=answers(LinkShape, 404, 409, status=201))
@requires(Permission.USERS_SIGN_IN)
def create(body: NewLink) -> Response:
    """Make a link that signs a user in."""
    target = safe_next(body.next)
    if target is None:
        raise InvalidInput(errors={"next": [N_("Must be a path on this site, such as /requests/new?kind=quota.")]})
    link, token = sign_in_links.create(users.resolve(body.user), target=target, by=access.actor())
    return answer(LinkShape(url=public_url("sign_in_link.sign_in_link", token=token), expires_at=link.expires_at), 201)
