"""Anchors: from time to time, what the chain's last seal is, said to the log and to a file that lives elsewhere.

The chain alone cannot show that its end was cut off, or that all of it was written anew; against an anchor both show.
"""

import errno
import logging
import os
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from flask import current_app
from pymongo.errors import DuplicateKeyError

from app import clock
from app.models.audit_seal import AuditAnchor
from app.models.domain_error import N_, FieldError, InvalidInput
from app.services import audit_sealing

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=10)


class Anchor(NamedTuple):
    """The seal `seq` had this hash at this time."""

    seq: int
    hash: str
    at: datetime

    def line(self) -> str:
        """As it stands in a file."""
        return f"{self.seq} {self.hash} {clock.iso(self.at)}"


def keep_up() -> None:
    """Seals what waits, and drops an anchor where the last one is old. The worker's part."""
    audit_sealing.seal_waiting()
    newest = AuditAnchor.objects.order_by("-seq").first()
    if newest is None or newest.at <= clock.now() - EVERY:
        drop()


def drop() -> Anchor | None:
    """Anchors the last seal, unless it is anchored; returns its anchor, or None while nothing is sealed.

    The file comes first: an anchor that could not be written there is tried again. Two who anchor one seal both tell the truth.
    """
    last = audit_sealing.head()
    if last is None:
        return None
    if known := AuditAnchor.objects(seq=last["_id"]).first():
        return Anchor(known.seq, known.hash, known.at)
    anchor = Anchor(last["_id"], last["hash"], clock.now())
    if path := current_app.config["AUDIT_ANCHOR_FILE"]:
        _append(path, anchor.line() + "\n")
    try:
        AuditAnchor._get_collection().insert_one({"_id": anchor.seq, "hash": anchor.hash, "at": anchor.at})
    except DuplicateKeyError:
        return anchor
    log.info("audit anchor %s", anchor.line())
    return anchor


def lag() -> timedelta:
    """For how long the oldest seal that no anchor covers has been without one; zero where all are covered."""
    newest = AuditAnchor.objects.order_by("-seq").first()
    bare = audit_sealing.seals().find_one({"_id": newest.seq + 1 if newest else 1}, {"at": 1})
    return max(timedelta(0), clock.now() - bare["at"]) if bare else timedelta(0)


def kept() -> Iterator[Anchor]:
    """Those in the database, in their order."""
    for one in AuditAnchor._get_collection().find().sort("_id", 1):
        yield Anchor(one["_id"], one["hash"], one["at"])


def read(lines: Iterable[str]) -> Iterator[Anchor]:
    """The anchors of a file; raises `InvalidInput` for a line that is none."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            seq, hash_, at = line.split()
            yield Anchor(int(seq), hash_, datetime.fromisoformat(at))
        except ValueError:
            error = FieldError(N_("Line %(number)s is no anchor."), number=number)
            raise InvalidInput(errors={"anchors": [error]}) from None


def _append(path: str, line: str) -> None:
    """One write at the end, so that lines of several writers do not mix; on the disk before anybody relies on it."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    try:
        if os.write(file, line.encode()) < len(line.encode()):
            # The disk is full: the next line at least is not to be glued to what there is of this one.
            os.write(file, b"\n")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        os.fsync(file)
    finally:
        os.close(file)
