"""Figures that only a look at everything knows: a worker takes them now and then, and pages read one document."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from app import clock, db
from app.models.domain_error import FiguresNotTaken
from app.models.statistics import KeptFigures

# Taken again no sooner than this, and never for more than a fiftieth of the time.
LEAST_AGE = timedelta(minutes=1)
REST = 50
# How long whoever takes them has before somebody else tries.
LEASE = timedelta(minutes=5)

Document = dict[str, Any]
Figures = Callable[[datetime], Document]


def kept(name: str) -> Document | None:
    """The figures of that name as they were last taken, at their `taken_at`; None where they never were."""
    return _collection().find_one({"_id": name, "taken_at": {"$exists": True}})


def taken(name: str) -> Document:
    """The same; raises `FiguresNotTaken` before the first time: no page looks at everything."""
    found = kept(name)
    if found is None:
        raise FiguresNotTaken
    return found


def take_when_due(name: str, figures: Figures) -> None:
    """The worker's part: takes them when it is time, one worker at a time."""
    now = clock.now()
    try:
        # Whoever moves the date on takes them.
        _collection().update_one({"_id": name, "due_at": {"$lte": now}}, {"$set": {"due_at": now + LEASE}}, upsert=True)
    except DuplicateKeyError:
        return
    take(name, figures)


def take(name: str, figures: Figures) -> None:
    """Takes them as they are now, and keeps them."""
    with db.slow():
        now, began = clock.now(), time.monotonic()
        found = figures(now)
        rest = max(LEAST_AGE, REST * timedelta(seconds=time.monotonic() - began))
        taken = {"taken_at": now, **found, "due_at": clock.now() + rest}
        _collection().update_one({"_id": name}, {"$set": taken}, upsert=True)


def _collection() -> Collection[Document]:
    return KeptFigures._get_collection()
