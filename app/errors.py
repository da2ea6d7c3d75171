"""What a caller is told when something went wrong: an HTML page, or under /api the one JSON shape of all errors."""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from math import ceil
from typing import Any

import structlog
from flask import Flask, Response, g, jsonify, make_response, render_template, request
from flask_babel import format_datetime, format_decimal, get_locale
from flask_babel import gettext as _
from flask_login import AnonymousUserMixin
from flask_wtf.csrf import CSRFError
from markupsafe import Markup
from pymongo.errors import PyMongoError
from werkzeug.exceptions import HTTPException

from app import clock, db
from app.models.domain_error import N_, DomainError, Unavailable, translated
from app.security import is_api

log = structlog.get_logger(__name__)

RETRY_SECONDS = 5
# Values of a domain error that are amounts; a request's number is a name and stays as it is.
AMOUNTS = frozenset({"available", "needed", "limit"})

TITLES = {
    400: N_("That did not work"),
    401: N_("Please sign in"),
    402: N_("Not enough tokens"),
    403: N_("Not allowed"),
    404: N_("Page not found"),
    405: N_("That is not possible here"),
    409: N_("That has changed meanwhile"),
    413: N_("That is too large"),
    415: N_("That kind of content is not taken here"),
    429: N_("Too many requests"),
    500: N_("Something went wrong on our side"),
    503: N_("Back in a moment"),
}
MESSAGES = {
    400: N_("The input was not understood. Please go back, check it and try again."),
    401: N_("You need to sign in first."),
    403: N_("You do not have permission to do this."),
    404: N_("There is nothing at this address, or it is not yours to see."),
    405: N_("This address cannot be used that way."),
    413: N_("What you sent is larger than this server takes."),
    415: N_("This address takes forms only."),
    429: N_("You asked too often. Please wait a minute and try again."),
    500: N_("The error was recorded. Please try again; if it stays, tell us its number."),
    503: N_("The service is away for a moment. Please try again soon."),
}
BARE_PAGE = Markup(
    '<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{title} – Tokendesk</title></head>'
    '<body><main><h1>{title}</h1><p>{message}</p><p><a href="/">Tokendesk</a></p></main></body></html>'
)
# A status of a request or an order, as it stands in a sentence.
STATUSES = {
    "pending": N_("pending"),
    "needs_info": N_("waiting for an answer"),
    "approved": N_("approved"),
    "rejected": N_("rejected"),
    "spam": N_("marked as spam"),
    "withdrawn": N_("withdrawn"),
    "expired": N_("expired"),
    "revoked": N_("revoked"),
    "created": N_("not paid yet"),
    "cancelled": N_("cancelled"),
    "paid": N_("paid"),
    "refunded": N_("refunded"),
}
# What programs are told of an error that is none of our own; domain errors have theirs in the class.
CODES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    429: "too_many_requests",
    500: "internal_error",
    503: "unavailable",
}


def init_app(app: Flask) -> None:
    """Binds one handler to each family of errors."""
    app.register_error_handler(DomainError, _domain_error)
    app.register_error_handler(CSRFError, _csrf_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(PyMongoError, _database_error)
    app.register_error_handler(Exception, _unexpected)


def sentence(error: DomainError) -> str:
    """The error's text in the reader's language, with amounts and times as the reader writes them."""
    return _(error.text, **{name: _readable(name, value) for name, value in error.values.items()})


def shape_of(error: DomainError) -> dict[str, Any]:
    """What the API says of an error, for an answer that has begun and has no status any more."""
    return _shape(error.status, error.code, sentence(error), {}, error.values)


def _readable(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return format_datetime(value, "short")
    if name in AMOUNTS:
        return format_decimal(value)
    return _(STATUSES[value]) if name == "status" else value


def is_unavailable(error: BaseException | None) -> bool:
    """Whether the database was away or too slow, so that the same may work later."""
    return isinstance(error, Unavailable) or db.is_unanswered(error)


def _domain_error(error: DomainError) -> Response:
    if is_unavailable(error):
        return _away()
    response = _answer(
        error.status, error.code, sentence(error), errors=error.errors, details=error.values, beside=error.beside
    )
    if seconds := _seconds_to_wait(error):
        response.headers["Retry-After"] = str(seconds)
    return response


def _seconds_to_wait(error: DomainError) -> int | None:
    if "retry_after" in error.values:
        return int(error.values["retry_after"])
    if next_at := error.values.get("next_allowed_at"):
        return max(1, ceil((next_at - clock.now()).total_seconds()))
    return RETRY_SECONDS if error.status == HTTPStatus.SERVICE_UNAVAILABLE else None


def _csrf_error(error: CSRFError) -> Response:
    log.info("csrf", reason=error.description)
    text = _(
        "The form was open too long, or did not come from this site. Please go back, reload the page and send it again."
    )
    return _answer(400, "csrf", text)


def _http_error(error: HTTPException) -> Response:
    # A handler below fails itself where it asks who is reading, to say it in their language, and the database is away.
    if is_unavailable(getattr(error, "original_exception", None)):
        return _away()
    status = error.code or 500
    if status < 400:
        return make_response(error.get_response())
    own_text = error.description if error.description != type(error).description else None
    response = _answer(status, CODES.get(status, CODES[500 if status >= 500 else 400]), own_text)
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            response.headers[name] = value
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        response.headers["Retry-After"] = "60"
    return response


def _database_error(error: PyMongoError) -> Response:
    if is_unavailable(error):
        log.warning("database_away", error=type(error).__name__)
        return _away()
    return _unexpected(error)


def _away() -> Response:
    """A page that needs no database, and that the browser loads again by itself when loading is all it did."""
    g._login_user = AnonymousUserMixin()
    message = _("The database is away for a moment. This page tries again by itself.")
    if is_api():
        message = _(Unavailable.text)
    elif request.method not in ("GET", "HEAD"):
        message = _(
            "The database did not answer, so we cannot say whether this was done. Please go back and look before you repeat it."
        )
    response = _answer(503, "unavailable", message)
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    if request.method in ("GET", "HEAD") and not is_api():
        response.headers["Refresh"] = str(RETRY_SECONDS)
    return response


def _unexpected(error: Exception) -> Response:
    log.error("unexpected", exc_info=error, route=request.url_rule.rule if request.url_rule else None)
    return _answer(500, "internal_error", None, details={"request_id": g.get("request_id")})


def _answer(
    status: int,
    code: str,
    message: str | None,
    errors: Mapping[str, list[str]] | None = None,
    details: Mapping[str, Any] | None = None,
    beside: Mapping[str, Any] | None = None,
) -> Response:
    message = message or _(MESSAGES.get(status, MESSAGES[400]))
    errors = {field: [translated(text, _) for text in texts] for field, texts in (errors or {}).items()}
    if is_api():
        shape = _shape(status, code, message, errors, details or {}) | _written(beside or {})
        response = make_response(jsonify(shape), status)
        if status == HTTPStatus.UNAUTHORIZED:
            response.headers["WWW-Authenticate"] = "Bearer"
        return response
    values = {"status": status, "title": _(TITLES.get(status, TITLES[400])), "message": message, "errors": errors}
    return make_response(_page(values), status)


def _shape(status: int, code: str, message: str, errors: Any, details: Mapping[str, Any]) -> dict[str, Any]:
    """The one shape of an error in the API; what it is about stands once more in `details`, for programs."""
    shape = {"success": False, "statusCode": status, "message": message, "error": message, "code": code}
    shape["errors"] = errors
    if details:
        shape["details"] = _written(details)
    return shape


def _written(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: clock.iso(value) if isinstance(value, datetime) else value for name, value in values.items()}


def _page(values: dict[str, Any]) -> str:
    try:
        return render_template("errors/error.html", request_id=g.get("request_id", ""), **values)
    except Exception as error:
        # The frame of the page may need just what is missing.
        log.warning("error_page", error=repr(error))
        return BARE_PAGE.format(**values, language=get_locale())
