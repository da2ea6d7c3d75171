"""What a caller is told when something went wrong."""

import logging
from datetime import UTC, datetime

import pytest
from pymongo.errors import AutoReconnect, ExecutionTimeout, OperationFailure, ServerSelectionTimeoutError

from app import db, errors
from app.models import order, token_request
from app.models.domain_error import AlreadyDecided, Busy, InsufficientTokens, InvalidInput, TooManyAttempts, Unavailable
from tests.page_client import text_of


@pytest.fixture
def fails(app, monkeypatch):
    """`fails(error)` makes /healthz raise `error`: any view would do."""

    def replace(error):
        def view():
            raise error

        view.access = app.view_functions["ops.healthz"].access
        monkeypatch.setitem(app.view_functions, "ops.healthz", view)

    return replace


def test_a_page_that_is_not_there_says_so_and_leads_on(client):
    response = client.get("/no-such-page")
    assert response.status_code == 404
    assert "There is nothing at this address" in text_of(response)
    assert 'href="/"' in response.text


def test_error_pages_speak_the_readers_language(client):
    assert 'lang="ru"' in client.get("/no-such-page", headers={"Accept-Language": "ru-RU,ru;q=0.9"}).text


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (InvalidInput(errors={"reason": ["Too long."]}), 400, "Too long."),
        (InsufficientTokens(available=1234, needed=56789, resets_at=None), 402, "56,789 needed, 1,234 available"),
        (
            AlreadyDecided(number=1042, status="approved", by="Ada", at=datetime(2026, 3, 10, 15, 4, tzinfo=UTC)),
            409,
            "Request #1042 is already approved, by Ada on 3/10/26, 3:04 PM.",
        ),
        (TooManyAttempts(retry_after=60), 429, "Too many attempts"),
        (Busy(), 503, "Too much is going on"),
    ],
)
def test_a_refusal_has_its_status_and_its_sentence(client, fails, error, status, text):
    fails(error)
    response = client.get("/healthz")
    assert response.status_code == status
    assert text in text_of(response)


def test_each_status_has_words_for_a_sentence():
    assert set(errors.STATUSES) == {*token_request.Status, *order.Status}


def test_a_refusal_that_passes_says_when_to_come_back(client, fails):
    fails(TooManyAttempts(retry_after=77))
    assert client.get("/healthz").headers["Retry-After"] == "77"
    fails(Busy())
    assert client.get("/healthz").headers["Retry-After"] == "5"


@pytest.mark.parametrize(
    "error",
    [
        ServerSelectionTimeoutError("no primary"),
        AutoReconnect("connection closed"),
        ExecutionTimeout("operation exceeded time limit", 50),
        OperationFailure("interrupted at shutdown", 11600),
        Unavailable(),
    ],
)
def test_a_database_that_is_away_is_a_page_that_comes_back_by_itself(client, fails, error):
    fails(error)
    response = client.get("/healthz")
    assert response.status_code == 503
    assert response.headers["Refresh"] == response.headers["Retry-After"] == "5"
    assert "tries again by itself" in text_of(response)


def test_a_form_that_the_database_did_not_answer_is_not_sent_again_by_itself(client, fails, app, monkeypatch):
    def view():
        raise ServerSelectionTimeoutError("no primary")

    view.access = app.view_functions["ops.healthz"].access
    monkeypatch.setitem(app.view_functions, "sign_in.sign_in", view)
    response = client.post("/sign-in", data={})
    assert response.status_code == 503
    assert "Refresh" not in response.headers
    assert "we cannot say whether this was done" in text_of(response)


@pytest.mark.parametrize("error", [ValueError("secret detail"), OperationFailure("secret detail", 2)])
def test_a_defect_is_logged_and_shown_as_a_number_only(client, fails, caplog, error):
    fails(error)
    with caplog.at_level(logging.ERROR):
        response = client.get("/healthz", headers={"X-Request-ID": "trace-0123456789"})
    assert response.status_code == 500
    assert "trace-0123456789" in text_of(response)
    assert "secret detail" not in response.text
    assert any(record.exc_info for record in caplog.records) or "secret detail" in caplog.text


def test_under_api_every_error_has_the_one_json_shape(client, fails, app):
    body = client.get("/api/no-such-thing").get_json()
    assert body == {
        "success": False,
        "statusCode": 404,
        "message": "There is nothing at this address, or it is not yours to see.",
        "error": "There is nothing at this address, or it is not yours to see.",
        "code": "not_found",
        "errors": {},
    }


def test_a_request_id_is_taken_over_only_when_it_is_harmless(client):
    assert client.get("/healthz", headers={"X-Request-ID": "a1b2c3d4-e5"}).headers["X-Request-ID"] == "a1b2c3d4-e5"
    for forged in ("short", "x" * 65, "with space here", 'quote"quote"quote'):
        given = client.get("/healthz", headers={"X-Request-ID": forged}).headers["X-Request-ID"]
        assert given != forged
        assert len(given) == 32


def test_a_page_whose_template_fails_is_still_a_page(client, fails, app, monkeypatch):
    fails(ValueError("secret detail"))
    monkeypatch.setitem(app.jinja_env.globals, "url_for", None)
    response = client.get("/healthz")
    assert response.status_code == 500
    assert "Something went wrong" in text_of(response)


def test_an_error_of_the_database_itself_is_not_taken_for_absence():
    assert not db.is_unanswered(OperationFailure("document failed validation", 121))
    assert not db.is_unanswered(ValueError())
