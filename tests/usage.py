"""Usage as tests bring it about, as it is shown by day, and the same counted again from every ledger."""

from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from mongoengine.connection import get_db

from app.models.user import User
from app.services import account_commit, daily_figures, token_accounts
from tests.factories import OPERATOR

START = datetime(2026, 3, 10, 12, tzinfo=UTC)
TODAY = START.date()


def spend(user, tokens, *, copied=True):
    """Spends, and brings it to the ledger at once unless told otherwise."""
    token_accounts.spend(user.id, tokens, by=OPERATOR)
    if copied:
        account_commit.drain(user.id)


def copy_all():
    """Brings to the ledger what waits on any account."""
    for user_id in User.objects.scalar("id"):
        account_commit.drain(user_id)


def used_days():
    """What is shown of the last 60 days, without those on which nothing was used."""
    return {day.date: (day.tokens, day.calls) for day in daily_figures.days(60) if day.calls}


def recounted_days(zone="UTC"):
    """The same, by reading every ledger."""
    tokens, calls = Counter(), Counter()
    for entry in get_db().ledger_entries.find({"type": "usage"}):
        day = entry["at"].astimezone(ZoneInfo(zone)).date()
        tokens[day] -= entry["amount"]
        calls[day] += 1
    return {day: (tokens[day], calls[day]) for day in calls}
