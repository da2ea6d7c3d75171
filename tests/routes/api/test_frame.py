"""What holds for every call of the API, shown on one of them."""

import json
from datetime import UTC, datetime
from io import BytesIO

import pytest
import time_machine
from pymongo.errors import ServerSelectionTimeoutError

from app import api_limits
from app.models.domain_error import InsufficientTokens
from app.models.token_request import TokenRequest
from app.models.user import User
from app.routes.api import frame
from app.services import api_keys
from tests.factories import bearer, make_admin, make_request, make_user, sign_in

PATH = "/api/token-requests"
APPROVE = "/api/admin/token-requests/1/approve"
KEYS = {"success", "statusCode", "message", "error", "code", "errors"}


@pytest.fixture
def admin():
    return make_admin()


@pytest.fixture
def client(client, admin):
    return sign_in(client, admin)


def send(client, data, content_type="application/json", path=PATH, **options):
    return client.post(path, data=data, content_type=content_type, csrf=False, **options)


def refusal(response):
    """Status and code of an answer that has the one shape of errors."""
    assert response.mimetype == "application/json"
    body = response.json
    assert body.keys() - {"details"} == KEYS
    assert body["success"] is False
    assert body["statusCode"] == response.status_code
    assert body["message"] == body["error"] != ""
    return response.status_code, body["code"]


# --- bodies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"]
)
def test_json_is_taken(client, content_type):
    assert send(client, '{"reason": "Für Größeres 🙂"}'.encode(), content_type).status_code == 201
    assert TokenRequest.objects.get().reason == "Für Größeres 🙂"


@pytest.mark.parametrize(
    "content_type",
    [
        *("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml"),
        *("application/json; charset=latin-1", "application/vnd.api+json", "json", "", None),
    ],
)
def test_other_content_is_not(client, content_type):
    assert refusal(send(client, b'{"reason": "x"}', content_type)) == (415, "unsupported_media_type")
    assert TokenRequest.objects.count() == 0


@pytest.mark.parametrize(
    "data",
    [
        *(b"{", b"{'reason': 'x'}", b'{"reason": "x"} x', b'{"reason": "\xff"}', b'{"reason": NaN}', b" "),
        *(b'{"reason": "a", "reason": "b"}', b'{"reason": "\\ud800"}', b'{"reason": "a\\u0000"}', b'{"reason": 1e400}'),
        *(b'{"reason": ' + b"[" * 21 + b"]" * 21 + b"}", b"[" * 60_000, b'{"reason": ' + b"9" * 9_000 + b"}"),
        *(b"[]", b'"reason"', b"null", b"1", b"true"),
    ],
)
def test_what_is_no_strict_json_object_is_refused(client, data):
    assert refusal(send(client, data)) == (400, "invalid_json")
    assert TokenRequest.objects.count() == 0


def test_a_body_over_64_kilobytes_is_too_large(client):
    assert refusal(send(client, b'{"reason": "' + b"x" * 65_536 + b'"}')) == (413, "too_large")
    fits = b'{"reason": "' + b"x" * (65_536 - 14) + b'"}'
    assert len(fits) == 65_536
    assert refusal(send(client, fits)) == (400, "invalid_input")


@pytest.mark.parametrize(("size", "expected"), [(65_535, 400), (65_536, 413), (65_537, 413), (200_000, 413)])
def test_a_body_that_does_not_tell_its_length_is_not_cut_short(client, size, expected):
    """What comes in chunks may be longer than what is read of it."""
    body = b'{"reason": 7}'.ljust(size)
    response = client.open(
        PATH,
        method="POST",
        input_stream=BytesIO(body),
        content_type="application/json",
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
        csrf=False,
    )
    assert response.status_code == expected
    assert TokenRequest.objects.count() == 0


@pytest.mark.parametrize("content_type", [None, "application/json", "text/plain", ""])
def test_an_absent_body_is_an_empty_object(client, content_type):
    make_request()
    assert client.put(APPROVE, content_type=content_type).status_code == 200
    response = send(client, b"", content_type)
    assert refusal(response) == (400, "invalid_input")
    assert response.json["errors"] == {"reason": ["This field is required."]}


def test_several_fields_are_named_at_once(client):
    response = send(client, b'{"reason": 7, "a": 1, "$where": {"x": 1}}')
    assert refusal(response) == (400, "invalid_input")
    assert response.json["errors"] == {
        "reason": ["Must be text."],
        "a": ["There is no such field."],
        "$where": ["There is no such field."],
    }


def test_a_value_that_is_none_of_several_hears_which_there_are(client):
    for path, field, known in [
        (
            "token-requests?status=x",
            "status",
            "pending, needs_info, approved, rejected, spam, withdrawn, expired, revoked",
        ),
        ("listing-requests?sort=x", "sort", "-submitted_at, submitted_at"),
    ]:
        errors = client.get(f"/api/admin/{path}").json["errors"]
        assert errors == {field: [f"Must be one of: {known}."]}, path


def test_a_call_that_takes_nothing_is_given_nothing(client):
    response = client.get(f"{PATH}/my-requests?page=2")
    assert refusal(response) == (400, "invalid_input")
    assert response.json["errors"] == {"page": ["There is no such field."]}
    assert refusal(client.post(f"{PATH}?force=1", json={"reason": "x"})) == (400, "invalid_input")


class _Amount(frame.Body):
    amount: frame.JsonInt


@pytest.mark.parametrize(("text", "value"), [("325", 325), ("325.0", 325), ("-1", -1), ("1e3", 1_000)])
def test_whole_numbers_are_integers(text, value):
    amount = _Amount.model_validate(json.loads(f'{{"amount": {text}}}')).amount
    assert (amount, type(amount)) == (value, int)


@pytest.mark.parametrize("text", ["true", "false", '"100"', "1.5", "null", "[1]", '{"$gt": 0}', '""'])
def test_nothing_else_is_an_integer(text):
    with pytest.raises(ValueError, match="Must be a whole number"):
        _Amount.model_validate(json.loads(f'{{"amount": {text}}}'))


# --- addresses and methods --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/nothing", "/api/token-requests/", "/api/token-requests/%00/x"])
def test_an_unknown_address_is_not_found_for_everybody(app, client, path):
    for caller in (client, app.test_client()):
        for method in ("GET", "POST", "PUT", "DELETE"):
            assert refusal(caller.open(path, method=method)) == (404, "not_found")


def test_another_method_is_told_the_right_ones(client):
    response = client.delete(PATH)
    assert refusal(response) == (405, "method_not_allowed")
    assert {method.strip() for method in response.headers["Allow"].split(",")} == {"POST", "OPTIONS"}


def test_answers_stay_out_of_caches(client):
    for response in (client.get(f"{PATH}/my-requests"), client.get("/api/nothing")):
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Content-Type"] == "application/json"


# --- who calls --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", "https://localhost", "http://localhost:81", ""]
)
def test_a_session_writes_only_from_our_own_pages(client, origin):
    assert client.post(PATH, json={"reason": "x"}, origin=origin).status_code == 403
    assert client.get(f"{PATH}/my-requests", headers={"Origin": origin or ""}).status_code == 200
    assert TokenRequest.objects.count() == 0


def test_a_form_of_another_site_does_nothing(client):
    """A browser sends a cross-site form, JSON dressed as text included, without asking; with cookies on an old one."""
    for content_type in ("text/plain", "application/x-www-form-urlencoded"):
        assert send(client, b'{"reason": "x"}', content_type, origin="https://evil.example").status_code == 403


# --- the language -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "amount"),
    [
        (None, "1,234"),
        ("de", "1,234"),
        ("*", "1,234"),
        ("en, ru;q=0.5", "1,234"),
        ("ru", "1\xa0234"),
        ("ru-RU, en;q=0.5", "1\xa0234"),
    ],
)
def test_messages_are_english_unless_the_caller_asks_for_russian(app, client, admin, monkeypatch, header, amount):
    def view(**_values):
        raise InsufficientTokens(available=1_234, needed=5_678, resets_at=None)

    endpoint = "api_token_requests.mine"
    view.access = app.view_functions[endpoint].access
    monkeypatch.setitem(app.view_functions, endpoint, view)
    for locale in ("en", "ru"):
        User.objects(id=admin.id).update(locale=locale)
        response = client.get(f"{PATH}/my-requests", headers={"Accept-Language": header} if header else {})
        assert refusal(response) == (402, "insufficient_tokens")
        assert amount in response.json["message"]
        assert response.json["details"] == {"available": 1_234, "needed": 5_678, "resets_at": None}


# --- how often --------------------------------------------------------------------------------------------------------


@pytest.fixture
def three(monkeypatch):
    """Limits that a test can reach."""
    for name in ("CALLS_A_MINUTE", "METERING_CALLS_A_MINUTE"):
        limit = getattr(api_limits, name)
        monkeypatch.setattr(api_limits, name, type(limit)(3))


def statuses(client, times, **options):
    return [client.get(f"{PATH}/can-request", **options).status_code for _ in range(times)]


def test_the_limits_are_those_of_the_documentation():
    assert str(api_limits.CALLS_A_MINUTE) == "300 per 1 minute"
    assert str(api_limits.METERING_CALLS_A_MINUTE) == "6000 per 1 minute"


@pytest.mark.usefixtures("three")
def test_each_session_has_its_own_limit(app, client, admin):
    assert statuses(client, 4) == [200, 200, 200, 429]
    response = client.get("/api/admin/token-requests")
    assert refusal(response) == (429, "too_many_requests")
    assert 1 <= int(response.headers["Retry-After"]) <= 60
    assert statuses(sign_in(app.test_client(), admin), 1) == [200]
    assert client.get("/requests").status_code == 200


@pytest.mark.usefixtures("three")
def test_each_key_has_its_own_limit(app, admin):
    client = app.test_client()
    first, second = bearer(admin, "self"), bearer(admin, "self")
    assert statuses(client, 4, headers=first) == [200, 200, 200, 429]
    assert statuses(client, 1, headers=second) == [200]


@pytest.mark.usefixtures("three")
def test_a_metering_key_is_counted_in_memory(app, admin, statements):
    client, headers = app.test_client(), bearer(admin, "usage.write")
    url = f"{PATH}/can-request?user={make_user().id}"
    statements.said.clear()
    answers = [client.get(url, headers=headers) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert not any("rate_limit" in said for said in statements.said)


@pytest.mark.usefixtures("three")
def test_what_is_refused_as_invalid_counts_too(client):
    assert [client.post(PATH, json={}).status_code for _ in range(4)] == [400, 400, 400, 429]


def test_the_limit_of_pages_does_not_hold_for_the_api(app, client, monkeypatch):
    monkeypatch.setitem(app.config, "REQUESTS_A_MINUTE", 1)
    assert statuses(client, 3) == [200, 200, 200]
    assert [client.get("/requests").status_code for _ in range(2)] == [200, 429]


# --- how often one may be refused -------------------------------------------------------------------------------------


@pytest.fixture
def minute(three):
    """A minute that does not pass by itself, however long the test takes."""
    with time_machine.travel(datetime(2026, 3, 10, 12, 0, tzinfo=UTC), tick=False) as time:
        yield time


def made_up(number):
    return {"Authorization": f"Bearer {api_keys.PREFIX}{number:043}"}


def guesses(client, times, **options):
    return [client.get(f"{PATH}/can-request", headers=made_up(i), **options).status_code for i in range(times)]


@pytest.mark.usefixtures("minute")
def test_whoever_makes_up_keys_is_told_to_wait(app):
    client = app.test_client()
    assert guesses(client, 3) == [401] * 3
    response = client.get(f"{PATH}/can-request", headers=made_up(99))
    assert refusal(response) == (429, "too_many_requests")
    assert response.headers["Retry-After"] == "60"
    assert "WWW-Authenticate" not in response.headers
    assert guesses(client, 1, environ_base={"REMOTE_ADDR": "203.0.113.9"}) == [401]


@pytest.mark.usefixtures("minute")
def test_good_keys_and_sessions_go_on_behind_an_address_that_was_refused(app, client, admin):
    program = app.test_client()
    headers = bearer(admin, "self")
    assert guesses(program, 4) == [401, 401, 401, 429]
    assert statuses(program, 1, headers=headers) == [200]
    assert statuses(client, 1) == [200]
    assert program.get("/api/catalogue.json").status_code == 200


@pytest.mark.usefixtures("minute")
def test_whoever_shows_nothing_is_counted_by_address(app):
    assert statuses(app.test_client(), 4) == [401, 401, 401, 429]


@pytest.mark.usefixtures("minute")
def test_what_a_key_or_a_session_may_not_do_counts_for_it_alone(app):
    user = make_user()
    client, program = sign_in(app.test_client(), user), app.test_client()
    headers = bearer(user, "self")
    for one, options in ((client, {}), (program, {"headers": headers})):
        answers = [one.get("/api/admin/token-requests", **options).status_code for _ in range(4)]
        assert answers == [403, 403, 403, 429]
    assert statuses(app.test_client(), 1, headers=bearer(user, "self")) == [200]
    assert statuses(app.test_client(), 1) == [401]


@pytest.mark.usefixtures("minute")
def test_calls_that_name_no_page_of_this_site_count_too(client):
    answers = [client.post(PATH, json={"reason": "x"}, origin=None).status_code for _ in range(4)]
    assert answers == [403, 403, 403, 429]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", "/api/openapi.json"), ("GET", "/api/docs"), ("POST", "/api/stripe/events")),
        *(("GET", "/api/no-such-thing"), ("DELETE", "/api/openapi.json"), ("GET", "/no-such-page")),
    ],
)
def test_what_counts_no_callers_has_the_limit_of_pages(app, monkeypatch, method, path):
    monkeypatch.setitem(app.config, "REQUESTS_A_MINUTE", 2)
    client = app.test_client()
    with time_machine.travel(datetime(2026, 3, 10, 12, 0, tzinfo=UTC), tick=False):
        answers = [client.open(path, method=method) for _ in range(3)]
    assert [answer.status_code == 429 for answer in answers] == [False, False, True]
    if path.startswith("/api/"):
        assert refusal(answers[-1]) == (429, "too_many_requests")
    assert answers[-1].headers["Retry-After"] == "60"


# --- when the database is away ----------------------------------------------------------------------------------------


def test_a_database_that_is_away_is_503_with_a_time_to_wait(client, monkeypatch):
    def away(*_arguments, **_options):
        raise ServerSelectionTimeoutError("no primary")

    monkeypatch.setattr("app.services.token_requests.mine", away)
    response = client.get(f"{PATH}/my-requests")
    assert refusal(response) == (503, "unavailable")
    assert response.headers["Retry-After"] == "5"
    assert "Refresh" not in response.headers


def test_a_defect_is_500_with_its_number_and_nothing_else(client, monkeypatch):
    def broken(*_arguments, **_options):
        raise ValueError("secret detail")

    monkeypatch.setattr("app.services.token_requests.mine", broken)
    response = client.get(f"{PATH}/my-requests")
    assert refusal(response) == (500, "internal_error")
    assert response.json["details"] == {"request_id": response.headers["X-Request-ID"]}
    assert "secret detail" not in response.text
