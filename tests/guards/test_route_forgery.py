"""Nothing is changed by a request that another site could have made a browser send."""

import pytest

from tests.factories import make_admin, sign_in
from tests.guards.routes import World, call, everything, routes

FORGED = [{}, {"csrf_token": ""}, {"csrf_token": "forged"}, {"csrf_token": "IjAwMDAi.aSBhbQ.bm90IHNpZ25lZA"}]


@pytest.fixture
def world():
    return World(roles=["reviewer"])


# Takes nothing from browsers: what is not signed by the sender is refused.
SIGNED = {"stripe_events.receive"}


def writing(app, *, api):
    return [route for route in routes(app) if route.writes and route.is_api is api and route.endpoint not in SIGNED]


@pytest.mark.parametrize("data", FORGED, ids=["none", "empty", "forged", "badly signed"])
@pytest.mark.parametrize("signed_in", [True, False])
def test_each_form_needs_its_token(app, world, data, signed_in):
    assert writing(app, api=False)
    client, admin = app.test_client(), make_admin()
    if signed_in:
        sign_in(client, admin)
    before = everything()
    answers = {
        str(route): call(app, client, route, world.named, data=dict(data), csrf=False)
        for route in writing(app, api=False)
    }
    assert {route: one.status_code for route, one in answers.items() if one.status_code != 400} == {}
    assert {route for route, one in answers.items() if "did not come from this site" not in one.text} == set()
    assert everything() == before


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://localhost.evil.example"])
def test_each_call_by_session_needs_its_origin(app, world, origin):
    assert writing(app, api=True)
    client = sign_in(app.test_client(), make_admin())
    before = everything()
    for route in writing(app, api=True):
        response = call(app, client, route, world.named, origin=origin)
        assert (response.status_code, response.json.get("code")) == (403, "origin"), route
    assert everything() == before
