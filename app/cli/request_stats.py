"""`flask requests stats`: what all requests come to."""

from dataclasses import asdict
from typing import Any

import click
from flask.cli import with_appcontext
from flask_babel import gettext as _

from app.cli.output import as_json_option, print_json, print_rows
from app.models.domain_error import FiguresNotTaken
from app.services import request_statistics
from app.services.request_statistics import KindFigures, Overview


@click.command()
@as_json_option
@with_appcontext
def stats(as_json: bool) -> None:
    """Show what all requests come to, as the worker last took it: by kind, by day, by blockchain, and who decides.

    \b
    Example:
      flask requests stats --json
    """
    try:
        overview = request_statistics.overview()
    except FiguresNotTaken:
        # No worker has come round yet.
        request_statistics.take()
        overview = request_statistics.overview()
    _show(overview, as_json)


def _show(overview: Overview, as_json: bool) -> None:
    kinds = [_figures(one) for one in (*overview.kinds, overview.every)]
    days = [{"date": day.date.isoformat(), "total": day.total, **day.kinds} for day in overview.days]
    reviewers = {
        name: [{"name": one.name, "decisions": one.decisions} for one in getattr(overview, name)]
        for name in ("recent_reviewers", "reviewers")
    }
    chains = [asdict(one) for one in overview.blockchains]
    if as_json:
        print_json({"taken_at": overview.taken_at, "kinds": kinds, "days": days, "blockchains": chains, **reviewers})
        return
    print_rows([{"what": "taken_at", "value": overview.taken_at}])
    click.echo()
    print_rows([{"what": name, **{one["kind"] or _("all"): one[name] for one in kinds}} for name in list(kinds[0])[1:]])
    for rows in ([day for day in days if day["total"]], chains, *reviewers.values()):
        if rows:
            click.echo()
            print_rows(rows)


def _figures(one: KindFigures) -> dict[str, Any]:
    """A kind's figures by name; the kind of all of them is None."""
    rate = one.approval_percent
    return {
        "kind": one.kind,
        "total": one.total,
        **one.statuses,
        "approval_percent": None if rate is None else round(rate, 1),
        "median_seconds": one.median_seconds,
        "granted": one.granted,
    }
