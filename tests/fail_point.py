"""A database whose commands fail on purpose, as its own fail points let them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mongoengine.connection import get_db


@contextmanager
def failing(command: str, collection: str, how: Mapping[str, Any]) -> Iterator[None]:
    """Each such command to the collection fails, or waits, as `how` says, while the block runs."""
    # Other tests share the server, but not the database.
    place = {"failCommands": [command], "namespace": f"{get_db().name}.{collection}"}
    _set("alwaysOn", {**place, **how})
    try:
        yield
    finally:
        _set("off", {})


def _set(mode: str, data: Mapping[str, Any]) -> None:
    get_db().client.admin.command({"configureFailPoint": "failCommand", "mode": mode, "data": data})
