"""What Prometheus is told: what the processes of this machine have counted, and what waits in the database."""

import os
from collections.abc import Iterator
from dataclasses import asdict

import pymongo
import structlog
from flask import Flask
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from pymongo.errors import PyMongoError

from app import metrics
from app.services import backlog

log = structlog.get_logger(__name__)

# Prometheus gives up after ten; what was counted is worth telling while the database is away.
DATABASE_SECONDS = 4
GAUGES = {
    "due_late": "Effects of changes that wait for over a minute.",
    "due_failed": "Effects of changes that cannot be done.",
    "deliveries_late": "Mails and webhooks that should have been tried a quarter of an hour ago.",
    "deliveries_dead": "Mails and webhooks that were given up.",
    "ledger_late": "Accounts whose entries wait for their copy to the ledger.",
    "audit_late": "Events of the audit trail that wait for their seal for over two minutes.",
    "anchor_lag": "Seconds for which the oldest seal without an anchor has been there; 0 where all have one.",
    "requests_pending": "Token requests that wait for a decision.",
    "worker_silence": "Seconds since a worker was heard of; missing where none was for a day.",
}
NAMES = {"worker_silence": "tokendesk_worker_silence_seconds", "anchor_lag": "tokendesk_anchor_lag_seconds"}


def registry(app: Flask) -> CollectorRegistry:
    """All of it, taken anew at each scrape."""
    found = CollectorRegistry()
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        MultiProcessCollector(found)  # type: ignore[no-untyped-call]
    else:
        found.register(_OfThisProcess())
    found.register(_OfTheDatabase(app))
    return found


class _OfThisProcess(Collector):
    """What this process has counted, where it has none to share with."""

    def collect(self) -> Iterator[Metric]:
        yield from metrics.REGISTRY.collect()


class _OfTheDatabase(Collector):
    """What waits, from the database: the same whichever process is asked."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def collect(self) -> Iterator[Metric]:
        try:
            with self._app.app_context(), pymongo.timeout(DATABASE_SECONDS):
                figures = asdict(backlog.take())
        except PyMongoError as error:
            log.warning("database_away", error=type(error).__name__)
            figures = {}
        yield GaugeMetricFamily("tokendesk_database_up", "Whether the database answers.", value=1 if figures else 0)
        for name, value in figures.items():
            if value is not None:
                yield GaugeMetricFamily(NAMES.get(name, f"tokendesk_{name}"), GAUGES[name], value=value)
