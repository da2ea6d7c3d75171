"""Each address with a name in it answers a name that is none with "not found", and with nothing worse."""

import pytest

from app.models.api_key import KEY_ONLY
from tests.factories import sign_in
from tests.guards.routes import World, call, everything, routes

MALFORMED = {
    "a number of no request": "0",
    "more than the database counts to": "9223372036854775808",
    "hundreds of digits": "9" * 400,
    "negative": "-1",
    "a fraction": "1.5",
    "other digits": "%D9%A3",
    "a word": "nothing",
    "an id of nothing": "f" * 24,
    "an id that is too long": "f" * 25,
    "an operator": "%7B%22$ne%22:null%7D",
    "a path": "..%2F..%2Fetc%2Fpasswd",
    "NUL": "%00",
    "half a surrogate pair": "%ED%A0%80",
}


@pytest.fixture
def world():
    return World(roles=["admin"])


def with_ids(app):
    # What only keys may call is tried with keys, in the tests of those routes.
    return [route for route in routes(app) if route.names and not route.access.permissions & KEY_ONLY]


def test_there_are_at_least_ten_malformed_ids_and_as_many_routes_to_try_them_on(app):
    assert len(MALFORMED) >= 10
    assert len(with_ids(app)) >= 10


@pytest.mark.parametrize("name", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_id_is_not_found(app, world, name):
    client = sign_in(app.test_client(), world.owner)
    before = everything()
    answers = {
        str(route): call(app, client, route, dict.fromkeys(world.named, name)).status_code for route in with_ids(app)
    }
    assert {route: status for route, status in answers.items() if status != 404} == {}
    assert everything() == before
