"""What is counted for Prometheus: by route and kind, never by path or person, so that there are few series.

Where PROMETHEUS_MULTIPROC_DIR names a folder, all processes of a machine that have it count into it, and each can tell the sum
(`app/scrape.py`). It must be set before this module is imported: gunicorn.conf.py and `flask serve` see to that.
"""

import time

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram

REGISTRY = CollectorRegistry()
# Any other is made up by the caller.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10)

_requests = Counter("tokendesk_http_requests", "Requests answered.", ["method", "route", "status"], registry=REGISTRY)
_seconds = Histogram(
    "tokendesk_http_request_seconds",
    "Seconds until an answer began.",
    ["route"],
    buckets=SECONDS,
    registry=REGISTRY,
)
_operations = Counter(
    "tokendesk_token_operations", "Operations on token accounts.", ["verb", "outcome"], registry=REGISTRY
)
_spent = Counter("tokendesk_tokens_spent", "Tokens charged for use.", registry=REGISTRY)
_steps = Counter(
    "tokendesk_request_steps", "Steps of token requests, by where they led.", ["kind", "status"], registry=REGISTRY
)
_deliveries = Counter(
    "tokendesk_delivery_attempts", "Mails and webhooks that were tried.", ["kind", "outcome"], registry=REGISTRY
)
_jobs = Counter("tokendesk_worker_jobs", "Rounds of the worker's jobs.", ["job", "outcome"], registry=REGISTRY)


def init_app(app: Flask) -> None:
    """Counts every answer."""
    app.after_request(_answered)


def _answered(response: Response) -> Response:
    route = request.url_rule.rule if request.url_rule else "none"
    method = request.method if request.method in METHODS else "other"
    _requests.labels(method, route, response.status_code).inc()
    _seconds.labels(route).observe(time.perf_counter() - g.started)
    return response


def operation(verb: str, outcome: str, spent: int = 0) -> None:
    """An operation on a token account: `done`, `repeated`, `refused` or `unknown`, and how many tokens it charged."""
    _operations.labels(verb, outcome).inc()
    if spent:
        _spent.inc(spent)


def step(kind: str, status: str) -> None:
    """A request was brought to `status`."""
    _steps.labels(kind, status).inc()


def delivery(kind: str, outcome: str) -> None:
    """An attempt at a delivery: `sent`, `failed`, or `dead` where it was the last."""
    _deliveries.labels(kind, outcome).inc()


def job(name: str, outcome: str) -> None:
    """A round of one of the worker's jobs: `done` or `failed`."""
    _jobs.labels(name, outcome).inc()
