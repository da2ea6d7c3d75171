"""A world in a database that is put back after each case, so that every case begins with the same."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import time_machine
from flask import Flask
from hypothesis import HealthCheck
from mongoengine.connection import get_db

from app import clock, rate_limits
from app.extensions import limiter
from app.models.user import User
from app.services import order_steps, orders, review, user_changes
from tests.factories import OPERATOR, PASSWORD, actor_of, make_admin, make_request
from tests.guards.routes import COUNTERS, World
from tests.steps import make_beta, make_listing

NOTES_ON_ITSELF = {"migrations"}
# How often, and nothing of how long: a busy machine is no finding.
UNHURRIED: dict[str, Any] = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}


class KeptWorld:
    """What `World` has, requests of each kind and in most states, an admin, and the database as it was when all was made."""

    def __init__(self) -> None:
        """Makes it all in the empty database; the owner of it all has no permission."""
        world = World(password=PASSWORD)
        self.owner: User = world.owner
        self.owner.modify(external_id="u-17")
        user_changes.confirm_email(self.owner.id, by=OPERATOR)
        self.admin: User = make_admin("admin@example.com", password=PASSWORD)
        by = actor_of(make_admin())
        review.ask(make_listing(self.owner), question="What for?", by=by)
        make_beta(self.owner)
        make_listing()
        review.approve(make_listing(), by=by)
        review.approve(make_request(used=40_000), by=by)
        last = review.reject(make_beta(), by=by).number
        # Orders are named by number as requests are; one of them is paid.
        placed = [orders.place(self.owner, package="basic", key=f"more {n}", by=actor_of(self.owner)) for n in range(3)]
        order_steps.confirm(placed[-1].order, by=by)
        self.named: dict[str, Any] = world.named | {"name": "balance"}
        self.numbers = range(1, last + 1)

    def keep(self) -> None:
        """Takes what is stored now for what every case begins with."""
        database = get_db()
        names = set(database.list_collection_names()) - NOTES_ON_ITSELF
        self._names = sorted(name for name in names if not name.startswith("system."))
        self._documents = {name: list(database[name].find()) for name in self._names}
        self._fingerprints = self._taken()

    def changed(self) -> set[str]:
        """The collections in which something is otherwise than it was kept."""
        return self._changed() - COUNTERS

    def put_back(self) -> None:
        """Undoes what a case has changed, and forgets what was counted."""
        database = get_db()
        for name in self._changed():
            database[name].delete_many({})
            if self._documents[name]:
                database[name].insert_many(self._documents[name])
        limiter.reset()
        rate_limits.in_memory().storage.reset()

    def _changed(self) -> set[str]:
        now = self._taken()
        return {name for name in self._names if now[name] != self._fingerprints[name]}

    def _taken(self) -> dict[str, str]:
        """A sum over all documents of each collection, by the database itself, which takes a millisecond."""
        hashes: dict[str, str] = get_db().command({"dbHash": 1, "collections": self._names})["collections"]
        return hashes


@contextmanager
def kept_world(app: Flask) -> Iterator[KeptWorld]:
    """The world, in a time that stands still: nobody is seen again, and nothing falls due."""
    with app.app_context(), time_machine.travel(clock.now(), tick=False):
        yield KeptWorld()
