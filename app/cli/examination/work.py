"""What is done beside requests: whether a worker lives, and what has been left lying."""

from collections.abc import Iterator

from flask import current_app
from flask_babel import gettext as _

from app.cli.examination import Finding
from app.models.worker_heartbeat import WorkerHeartbeat
from app.services import audit_anchors, backlog
from app.services.backlog import Backlog

WORKER_SILENCE_SECONDS = 30


def findings() -> Iterator[Finding]:
    """The worker, and what waits for it, from one look."""
    figures = backlog.take()
    yield _worker(figures)
    yield _due(figures)
    yield _ledger(figures)
    yield _audit(figures)
    yield _deliveries(figures)


def _worker(figures: Backlog) -> Finding:
    newest = WorkerHeartbeat.newest()
    if newest is None or figures.worker_silence is None or figures.worker_silence > WORKER_SILENCE_SECONDS:
        return Finding("worker", "problem", _("none was heard of in the last 30 seconds"), _("run: flask worker"))
    return Finding("worker", "ok", newest.id)


def _due(figures: Backlog) -> Finding:
    counts = {"waiting": figures.due_late, "failed": figures.due_failed}
    text = _("%(waiting)s waiting for over a minute, %(failed)s failed", **counts)
    if figures.due_failed:
        remedy = _("the log says why; try those of requests again at the desk (flask requests list --stuck)")
        return Finding("due", "problem", text, remedy)
    if figures.due_late:
        return Finding("due", "warning", text, _("the worker does it when it runs; if it runs, its log says why not"))
    return Finding("due", "ok", text)


def _ledger(figures: Backlog) -> Finding:
    text = _("accounts that wait for their copy: %(late)s", late=figures.ledger_late)
    if figures.ledger_late:
        return Finding("ledger", "warning", text, _("nothing is lost; the worker's log says what keeps it"))
    return Finding("ledger", "ok", text)


def _audit(figures: Backlog) -> Finding:
    overdue = figures.anchor_lag > 2 * audit_anchors.EVERY.total_seconds()
    text = _("events that wait for their seal: %(late)s", late=figures.audit_late)
    if overdue:
        text += _("; no anchor for %(minutes)s minutes", minutes=int(figures.anchor_lag // 60))
    if path := current_app.config["AUDIT_ANCHOR_FILE"] if overdue else None:
        return Finding("audit", "warning", text, _("can the worker write to %(path)s? Its log says", path=path))
    if overdue or figures.audit_late:
        return Finding("audit", "warning", text, _("the worker does it when it runs; if it runs, its log says why not"))
    return Finding("audit", "ok", text)


def _deliveries(figures: Backlog) -> Finding:
    text = _("%(late)s late, %(dead)s given up", late=figures.deliveries_late, dead=figures.deliveries_dead)
    if figures.deliveries_dead:
        remedy = _("mend the cause (flask deliveries list --state dead), then: flask deliveries retry --dead")
        return Finding("deliveries", "warning", text, remedy)
    if figures.deliveries_late:
        return Finding("deliveries", "warning", text, _("the worker sends them when it runs"))
    return Finding("deliveries", "ok", text)
