"""Whatever anybody sends to the API is answered in its one shape, never with a defect, and leaves nothing behind."""

import json
import re

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from limits import RateLimitItemPerMinute

from app import api_limits
from app.models.api_key import KEY_ONLY
from app.openapi import alternatives
from tests.factories import bearer, make_admin, make_user, sign_in
from tests.guards.routes import Route, World, everything, routes, url_of

MANY = settings(
    max_examples=12, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
# Names that calls know, so that what is behind the first check is reached as well.
KNOWN = [
    *("reason", "user", "adminResponse", "status", "limit", "cursor", "$ne", "q", "sort", "offset", "user_id"),
    *("token_symbol", "blockchain", "contract_address", "additional_info", "action", "request_ids", "admin_notes"),
]
NAMES = st.sampled_from(KNOWN) | st.text(max_size=10)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)
BODIES = st.dictionaries(NAMES, VALUES, max_size=4).map(json.dumps).map(str.encode) | st.binary(max_size=200)
QUERIES = st.lists(st.tuples(NAMES, st.text(max_size=20)), max_size=4)


@pytest.fixture
def caller(app, monkeypatch):
    """`caller(route, …)` calls as a reviewer who may do all of this, as often as it takes."""
    monkeypatch.setattr(api_limits, "CALLS_A_MINUTE", RateLimitItemPerMinute(1_000_000))
    world = World()
    client = sign_in(app.test_client(), make_user(roles=["admin"]))
    program = bearer(make_admin(), *KEY_ONLY)

    def call(route: Route, **options):
        headers = program if route.access.permissions & KEY_ONLY else {}
        url = url_of(app, route, world.named | {"reference": "999"})
        response = client.open(url, method=route.method, headers=headers, **options)
        assert response.status_code in (200, 201, 400, 402, 404, 405, 409, 413, 415), (
            str(route),
            options,
            response.text,
        )
        if response.status_code >= 400:
            assert response.json["statusCode"] == response.status_code
            assert response.json["code"]
        return response

    return call


def calls(app, *, writing):
    return [route for route in routes(app) if route.is_api and not route.access.anonymous and route.writes is writing]


@given(body=BODIES, content_type=st.sampled_from(["application/json"] * 4 + ["text/plain", ""]))
@example(body=b'{"reason": "\\ud800"}', content_type="application/json")
@example(body=b'{"adminResponse": {"$ne": null}}', content_type="application/json")
@MANY
def test_any_body_is_answered(app, caller, body, content_type):
    before = everything()
    for route in calls(app, writing=True):
        response = caller(route, data=body, content_type=content_type, csrf=False)
        after = everything()
        assert after == before or response.status_code < 400, (route, body)
        before = after


def test_what_is_wrong_is_said_of_fields_by_their_names(app, caller, client):
    document = client.get("/api/openapi.json").json
    paths, schemas = document["paths"], document["components"]["schemas"]
    told = 0
    for route in calls(app, writing=True):
        path = re.sub(r"<(?:[^<>]*:)?(\w+)>", r"{\1}", route.rule)
        body = paths[path][route.method.lower()].get("requestBody")
        if body is None:
            continue
        name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        fields = {field for one in alternatives(schemas, name) for field in one["properties"]}
        for field in fields:
            for wrong in (None, -1, 1.5, True, "", "x", [], [None], [{"$ne": 1}], {"$ne": 1}, {"id": []}):
                errors = caller(route, json={field: wrong}, csrf=False).json.get("errors", {})
                told += len(errors)
                for one in errors:
                    assert one.partition(".")[0] in fields, (str(route), field, wrong, errors)
                    assert re.fullmatch(r"[\w$]+(\.[\w$]+)*", one), (str(route), field, wrong, errors)
    assert told


@given(query=QUERIES)
@example(query=[("limit", "1" * 5_000)])
@example(query=[("cursor", "٣")])
@example(query=[("status", "pending\0")])
@MANY
def test_any_query_is_answered(app, caller, query):
    before = everything()
    for route in calls(app, writing=False):
        caller(route, query_string=query)
    assert everything() == before
