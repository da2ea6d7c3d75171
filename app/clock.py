"""The one clock: aware UTC times, cut to the millisecond that the database keeps."""

from datetime import UTC, datetime

# Later than anything that happens: stands where "never" must still be comparable.
FAR = datetime(9999, 1, 1, tzinfo=UTC)


def now() -> datetime:
    """The present moment, aware, UTC, whole milliseconds."""
    return cut(datetime.now(UTC))


def cut(moment: datetime) -> datetime:
    """`moment` without what the database would drop: everything below a millisecond."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def iso(moment: datetime) -> str:
    """`moment` as programs write it: ISO 8601 in UTC, with milliseconds and Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
