"""Logging: one line for each request and each event, JSON in production, with the request's id and the route."""

import logging
import re
import sys
import time
import uuid
from typing import Any

import structlog
from flask import Flask, Response, g, request
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor

log = structlog.get_logger(__name__)

# What a proxy or client may name a request; anything else is replaced, so that nobody writes into our log lines.
REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
# Asked every few seconds by machines, or too plain to be worth a line.
QUIET_ENDPOINTS = frozenset({"ops.healthz", "ops.readyz", "ops.metrics", "static", "bootstrap.static"})
# Where an error came from, without the values there: passwords, tokens and addresses are among them.
TRACEBACKS = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def init_app(app: Flask) -> None:
    """Sends all logging to stderr in one form, and gives each request an id."""
    structlog.configure(
        processors=[*_shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=not app.testing,
    )
    if not app.testing:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(formatter(as_json=app.config["ENVIRONMENT"] == "production"))
        logging.basicConfig(handlers=[handler], level=app.config["LOG_LEVEL"], force=True)
        # These say in many lines what our own few say already.
        for name in ("pymongo", "flask-limiter", "httpx2", "httpcore2"):
            logging.getLogger(name).setLevel(logging.ERROR)
    app.before_request(_begin)
    app.after_request(_end)


def formatter(*, as_json: bool) -> logging.Formatter:
    """How a record becomes a line, ours and other libraries' alike."""
    last: list[Processor]
    if as_json:
        last = [TRACEBACKS, structlog.processors.JSONRenderer()]
    else:
        # Where the package `rich` is installed, the renderer's own choice would be one that shows the values.
        plain = structlog.dev.plain_traceback
        last = [_on_one_line, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared(),
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _on_one_line(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Shows control characters as escapes: JSON does that by itself, a line for the terminal does not."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = CONTROL_CHARACTERS.sub(lambda found: f"\\x{ord(found[0]):02x}", value)
    return event


def _begin() -> None:
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
    g.started = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _end(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.request_id
    if request.endpoint not in QUIET_ENDPOINTS:
        log.info(
            "request",
            method=request.method,
            # The route, not the path: a path may hold what does not belong in a log.
            route=request.url_rule.rule if request.url_rule else None,
            status=response.status_code,
            milliseconds=round((time.perf_counter() - g.started) * 1000, 1),
        )
    return response
