"""Days as operators give them: 2026-11-21, in the app's time zone (TIME_ZONE)."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import click
from flask import current_app

FIRST, LAST = date(2000, 1, 1), date(2100, 12, 31)


class Day(click.ParamType[date]):
    """A day of these two centuries; anything else is a usage error."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The day, or a usage error."""
        try:
            day = date.fromisoformat(value)
        except ValueError:
            self.fail("a day is written 2026-11-21.", param, ctx)
        if not FIRST <= day <= LAST:
            self.fail(f"a day lies between {FIRST} and {LAST}.", param, ctx)
        return day


def begin_of(day: date | None) -> datetime | None:
    """When the day begins; None for None."""
    if day is None:
        return None
    return datetime.combine(day, time.min, ZoneInfo(current_app.config["TIME_ZONE"])).astimezone(UTC)


def end_of(day: date | None) -> datetime | None:
    """When the next day begins; None for None."""
    return begin_of(day + timedelta(days=1)) if day else None
