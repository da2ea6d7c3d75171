"""`flask stats`: what all accounts come to, and usage by day."""

import sys
from dataclasses import asdict

import click
from flask.cli import with_appcontext
from flask_babel import gettext as _

from app.cli.output import Commands, as_json_option, print_json, print_rows
from app.services import daily_figures, ledger_verify, statistics

DAYS = 30


@click.group("stats", cls=Commands, invoke_without_command=True)
@as_json_option
@click.pass_context
@with_appcontext
def group(context: click.Context, as_json: bool) -> None:
    """Show what all accounts come to, and usage by day.

    \b
    Example:
      flask stats --json
    """
    if context.invoked_subcommand is None:
        context.invoke(show, as_json=as_json)


@group.command()
@as_json_option
def show(as_json: bool) -> None:
    """Show the figures as the worker last took them; the same as `flask stats` alone.

    \b
    Example:
      flask stats show
    """
    overview, days = statistics.overview(), daily_figures.days(DAYS)
    totals = {name: getattr(overview, name) for name in ("taken_at", "tokens", "calls", "average", "active_users")}
    tiers, top = [asdict(tier) for tier in overview.tiers], [asdict(user) for user in overview.top]
    by_day = [{"date": day.date.isoformat(), "tokens": day.tokens, "calls": day.calls} for day in days]
    if as_json:
        print_json({**totals, "tiers": tiers, "top": top, "days": by_day})
        return
    print_rows([{"what": name, "value": value} for name, value in totals.items()])
    for rows in (tiers, top, [day for day in by_day if day["calls"]]):
        if rows:
            click.echo()
            print_rows(rows)


@group.command()
def rebuild() -> None:
    """Count every figure anew from the whole ledger, while others write; also after a change of TIME_ZONE.

    Broken off, it is finished by the worker.

    \b
    Example:
      flask stats rebuild
    """
    with click.progressbar(length=ledger_verify.count(), label=_("Counting"), file=sys.stderr) as bar:
        statistics.rebuild(bar.update)
    click.echo(_("Counted anew."))
