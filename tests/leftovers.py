"""Emptying the database between tests: only what was written to, which the server's own log of writes tells.

The log has what any client wrote: threads, other processes, and tests that speak to the database themselves.
"""

from typing import Any

from bson import Timestamp
from mongoengine.connection import get_db
from pymongo import WriteConcern

KEPT = frozenset({"migrations", "system.views"})
# What puts documents into a collection, and what changes collections themselves.
INSERT, UPDATE, COMMAND = "i", "u", "c"
# Where newer servers note several writes as one, of whichever database.
OF_SERVER = "admin.$cmd"


class Leftovers:
    """What earlier tests have left in the database."""

    def __init__(self) -> None:
        self._seen = Timestamp(0, 0)

    def remove(self) -> None:
        """Removes every document, but for the notes on the database itself."""
        database = get_db().with_options(write_concern=WriteConcern(w=1))
        for name in self._written() - KEPT:
            database[name].delete_many({})

    def _written(self) -> set[str]:
        """The collections that were written to since the last time."""
        database = get_db()
        commands = f"{database.name}.$cmd"
        found = list(database.client.local["oplog.rs"].aggregate(self._search(database.name)))
        first, self._seen = self._seen == Timestamp(0, 0), max([self._seen, *(one["seen"] for one in found)])
        names = {one["_id"] for one in found}
        if first or names & {commands, OF_SERVER}:
            return set(database.list_collection_names())
        return {name.removeprefix(f"{database.name}.") for name in names}

    def _search(self, database: str) -> list[dict[str, Any]]:
        new = {"$gt": self._seen}
        # Names between "database." and "database/", which follows it in the order of letters.
        in_database = {"$gt": f"{database}.", "$lt": f"{database}/"}
        writes = {"op": {"$in": [INSERT, UPDATE, COMMAND]}, "$or": [{"ns": in_database}, {"ns": OF_SERVER}]}
        return [{"$match": {"ts": new, **writes}}, {"$group": {"_id": "$ns", "seen": {"$max": "$ts"}}}]
