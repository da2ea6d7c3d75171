"""Each route opens for those for whom it says that it does, and for nobody else."""

import pytest

from app.models.api_key import SELF
from app.models.permission import ROLES, Permission
from tests.factories import bearer, make_user, sign_in
from tests.guards.routes import World, call, routes

OPEN, SIGN_IN, FORBIDDEN = "open", "sign in", "forbidden"
ROLE_OF = {"owner": None, "another user": None, "support": "support", "reviewer": "reviewer", "admin": "admin"}
HELD_BY_PEOPLE = frozenset().union(*ROLES.values())
PERSONAS = ["anonymous", *ROLE_OF, "key with the scope", "key without the scope"]


def expected(route, persona):
    """What the route's own declaration promises this caller."""
    declared = route.access
    if declared.anonymous:
        return OPEN
    if persona == "anonymous" or (persona.startswith("key") and not route.is_api):
        return SIGN_IN
    if persona.startswith("key"):
        return OPEN if persona == "key with the scope" else FORBIDDEN
    held = ROLES.get(ROLE_OF[persona], frozenset())
    return OPEN if declared.permissions <= held and (held or not declared.any_permission) else FORBIDDEN


def outcome(route, response):
    """What the caller met. A public page may send a stranger to the form by itself."""
    assert response.status_code < 500, f"{route}: {response.status_code}"
    if response.status_code == 401:
        return SIGN_IN
    if response.status_code in (302, 303) and response.location.startswith("/sign-in") and not route.access.anonymous:
        return SIGN_IN
    return FORBIDDEN if response.status_code == 403 else OPEN


def headers_of(route, persona, holder):
    """A new key that carries just what the route asks, or all else that its owner can put on it."""
    if not persona.startswith("key"):
        return {}
    declared = route.access
    asked = {str(one) for one in declared.permissions} or {SELF, *declared.or_scopes}
    if declared.any_permission:
        asked = {str(one) for one in Permission}
    scopes = {SELF, *(str(one) for one in Permission)}
    chosen = asked if persona == "key with the scope" else scopes - asked
    return bearer(holder, *sorted(chosen)) if chosen else {"Authorization": "Bearer tdk_none"}


@pytest.mark.parametrize("persona", PERSONAS)
def test_each_route_keeps_its_word(app, persona):
    world = World()
    caller = world.owner if persona == "owner" else make_user(roles=filter(None, [ROLE_OF.get(persona)]))
    # A key can carry only what its owner may.
    holder = make_user(roles=["admin"]) if persona.startswith("key") else None
    wrong = {}
    for route in routes(app):
        assert route.access is not None, f"{route} does not say who may open it"
        client = app.test_client()
        if persona in ROLE_OF:
            sign_in(client, caller)
        response = call(app, client, route, world.named, headers=headers_of(route, persona, holder))
        if (met := outcome(route, response)) != (promised := expected(route, persona)):
            wrong[str(route)] = f"{met} ({response.status_code}), not {promised}"
    assert wrong == {}


def own_routes(app):
    """The routes to one thing of one user, which need no permission."""
    for route in routes(app):
        only_signed_in = not (route.access.anonymous or route.access.permissions or route.access.any_permission)
        is_for_admins_too = route.access.or_scopes & HELD_BY_PEOPLE
        # Everybody has figures of the same names, and can buy the same packages.
        if route.names - {"figure", "package"} and only_signed_in and not is_for_admins_too:
            yield route


def test_there_are_routes_to_what_belongs_to_somebody(app):
    assert {route.endpoint for route in own_routes(app)} >= {"requests.show", "requests.withdraw", "chat.conversation"}


@pytest.mark.parametrize("persona", [name for name in ROLE_OF if name != "owner"])
def test_what_belongs_to_somebody_is_not_there_for_others(app, persona):
    world = World()
    client = sign_in(app.test_client(), make_user(roles=filter(None, [ROLE_OF[persona]])))
    answers = {str(route): call(app, client, route, world.named).status_code for route in own_routes(app)}
    assert {route: status for route, status in answers.items() if status != 404} == {}


def test_what_belongs_to_somebody_is_there_for_them(app):
    world = World()
    client = sign_in(app.test_client(), world.owner)
    pages = [route for route in own_routes(app) if not route.writes]
    answers = {str(route): call(app, client, route, world.named).status_code for route in pages}
    assert {route: status for route, status in answers.items() if status != 200} == {}
