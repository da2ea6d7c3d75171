"""The document of the API, and the page that shows it."""

import re
from collections import Counter
from enum import StrEnum

import pytest
from pydantic import BaseModel

from app.models import message, token_request
from app.openapi import alternatives
from app.routes.api import gallery_shapes
from app.routes.api.frame import Query
from tests.factories import make_admin, sign_in

UNDOCUMENTED = {"api_document.openapi", "api_document.docs", "swagger.static", "stripe_events.receive"}
PUBLIC = {"GET /api/tokens.json", "GET /api/catalogue.json"}
ALWAYS = {"400", "401", "403", "429", "503"}
ERROR = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorShape"}}}
TOO_FEW_TOKENS = {"application/json": {"schema": {"$ref": "#/components/schemas/TooFewTokens"}}}


@pytest.fixture
def document(client):
    return client.get("/api/openapi.json").json


@pytest.fixture
def operations(document):
    return {f"{method.upper()} {path}": one for path, item in document["paths"].items() for method, one in item.items()}


def test_it_is_openapi_3_1(client, document):
    assert document["openapi"] == "3.1.0"
    assert document["info"]["title"] == "Tokendesk"
    assert client.get("/api/openapi.json").mimetype == "application/json"


def test_every_call_is_documented_and_nothing_else(app, operations):
    calls = {
        f"{method} " + re.sub(r"<(?:[^<>]*:)?(\w+)>", r"{\1}", rule.rule)
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/") and rule.endpoint not in UNDOCUMENTED
    }
    assert set(operations) == calls


def test_every_operation_says_what_it_is_and_who_may(document, operations):
    schemes = document["components"]["securitySchemes"]
    assert schemes["key"]["scheme"] == "bearer"
    assert schemes["session"]["in"] == "cookie"
    for name, operation in operations.items():
        assert operation["summary"].endswith("."), name
        assert operation.get("security") == (None if name in PUBLIC else [{"key": []}, {"session": []}]), name
    names = [operation["operationId"] for operation in operations.values()]
    assert len(names) == len(set(names))


def test_every_operation_says_what_it_answers(operations):
    for name, operation in operations.items():
        responses = operation["responses"]
        assert responses.keys() >= (ALWAYS - {"401", "403"} if name in PUBLIC else ALWAYS), name
        assert "422" not in responses, name
        for status, response in responses.items():
            assert list(response["content"]) == ["application/json"], name
            if status == "402":
                assert response["content"] == TOO_FEW_TOKENS, name
            elif status >= "400":
                assert response["content"] == ERROR, name
            else:
                assert "ErrorShape" not in str(response["content"]), name
        assert any(status < "300" for status in responses), name
        assert responses["429"]["headers"]["Retry-After"], name
        if "requestBody" in operation:
            assert responses.keys() >= {"413", "415"}, name


def test_every_path_with_an_id_may_be_not_found(operations):
    for name, operation in operations.items():
        if "{" in name:
            assert "404" in operation["responses"], name
            assert {one["name"] for one in operation["parameters"] if one["in"] == "path"} == set(
                re.findall(r"{(\w+)}", name)
            )


def test_a_body_is_required_only_where_a_field_is(operations):
    required = {name: one["requestBody"]["required"] for name, one in operations.items() if "requestBody" in one}
    assert required["POST /api/token-requests"] is True
    assert required["PUT /api/admin/token-requests/{reference}/approve"] is False


def test_unknown_fields_are_refused_on_paper_too(document, operations):
    for name, operation in operations.items():
        if "requestBody" in operation:
            reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            for one in alternatives(document["components"]["schemas"], reference.rpartition("/")[2]):
                assert one["additionalProperties"] is False, name


def test_every_reference_leads_somewhere(client, document):
    text = client.get("/api/openapi.json").text
    references = set(re.findall(r'"\$ref":\s*"#/components/schemas/([^"]+)"', text))
    assert references
    assert references <= set(document["components"]["schemas"])


def shapes_of(base):
    """Every class of the API that stands in the document by its name."""
    for one in base.__subclasses__():
        yield from shapes_of(one)
        if one.__module__.startswith("app.routes.api.") and not one.__name__.startswith("_"):
            yield one


def test_no_two_schemas_share_a_name(document):
    """Of two, the document would have one, and show it for both."""
    shapes = {one for one in shapes_of(BaseModel) if not issubclass(one, Query)}
    names = Counter(one.__name__ for one in shapes if one.__name__ in document["components"]["schemas"])
    assert len(names) > 40
    assert [name for name, times in names.items() if times > 1] == []


def test_no_two_enums_share_a_name(document):
    """As above: a status of an order is none of a request."""
    enums = Counter(one.__name__ for one in StrEnum.__subclasses__() if one.__module__.startswith("app."))
    assert enums["Status"] > 1
    schemas = document["components"]["schemas"]
    shown = {name: schemas[name]["enum"] for name, times in enums.items() if times > 1 and name in schemas}
    # The others of these names are documented where they stand, or not at all.
    assert shown == {
        "Status": list(token_request.Status),
        "Role": list(message.Role),
        "Kind": list(gallery_shapes.Kind),
    }


def test_the_bounds_of_numbers_are_told(document):
    schemas = document["components"]["schemas"]
    tokens = schemas["Usage"]["properties"]["tokens"]
    assert (tokens["minimum"], tokens["maximum"]) == (1, 1_000_000_000)
    limit = document["paths"]["/api/admin/token-requests"]["get"]["parameters"][1]
    assert (limit["name"], limit["schema"]["minimum"], limit["schema"]["maximum"]) == ("limit", 1, 200)


def test_the_names_are_those_of_the_clients(document):
    schemas = document["components"]["schemas"]
    assert set(schemas["QuotaRequest"]["properties"]) == {
        *("_id", "number", "userId", "status", "reason", "requestedAt", "adminResponse", "processedBy"),
        *("processedAt", "currentUsage"),
    }
    assert set(schemas["Rejection"]["properties"]) == {"adminResponse"}
    assert set(schemas["ErrorShape"]["required"]) == {"success", "statusCode", "message", "error", "code", "errors"}


@pytest.mark.parametrize("path", ["/api/openapi.json", "/api/docs"])
def test_it_is_the_same_for_everybody_and_any_cache_may_keep_it(app, client, path):
    first = client.get(path)
    assert first.status_code == 200
    assert first.headers["Cache-Control"] == "public, max-age=300"
    assert "Set-Cookie" not in first.headers
    signed_in = sign_in(app.test_client(), make_admin())
    other = signed_in.get(path)
    assert (other.data, other.headers["ETag"]) == (first.data, first.headers["ETag"])
    assert "Set-Cookie" not in other.headers
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert client.get(path, headers={"If-None-Match": '"another"'}).status_code == 200


def test_the_page_shows_the_document_by_what_is_installed(client):
    page = client.get("/api/docs").text
    assert 'data-url="/api/openapi.json"' in page
    found = re.findall(r'(?:src|href)="(/api/docs/assets/[^"]+|/static/[^"]*api_document[^"]+)"', page)
    assert len(found) == 4
    for path in found:
        response = client.get(path)
        assert response.status_code == 200
        assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_speaks_the_readers_language(client):
    response = client.get("/api/docs", headers={"Accept-Language": "ru"})
    assert 'lang="ru"' in response.text
    assert "Accept-Language" in response.headers["Vary"]


def test_no_page_of_the_library_is_left_open(client):
    for path in ("/openapi", "/openapi/", "/openapi/openapi.json", "/openapi/swagger", "/openapi.json"):
        assert client.get(path).status_code == 404
