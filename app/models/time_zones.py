"""The time zones that a person may choose: those of places, and UTC."""

from functools import cache
from zoneinfo import available_timezones

_PLACES = ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")


@cache
def names() -> tuple[str, ...]:
    """Their names in the tz database, UTC first; its other names are aliases, or of no place."""
    return ("UTC", *sorted(name for name in available_timezones() if name.partition("/")[0] in _PLACES))
