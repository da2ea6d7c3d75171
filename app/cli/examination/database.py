"""The database: its version, whether it keeps what it acknowledges, its clock, its structure and its disk."""

import time
from datetime import UTC, date, datetime, timedelta

from flask_babel import gettext as _
from mongoengine.connection import get_db

from app import clock, db, migrations
from app.cli.examination import Finding, State

# https://www.mongodb.com/legal/support-policy/lifecycles
END_OF_LIFE = {
    "4.4": date(2024, 2, 29),
    "5.0": date(2024, 10, 31),
    "6.0": date(2025, 7, 31),
    "7.0": date(2027, 8, 31),
    "8.0": date(2029, 10, 31),
}
MOST_SKEW = timedelta(seconds=2)
SLOW_SECONDS = 0.5
FULL, NEARLY_FULL = 95, 80


def version() -> Finding:
    """Whether somebody still mends this MongoDB."""
    number = get_db().client.server_info()["version"]
    end = END_OF_LIFE.get(".".join(number.split(".")[:2]))
    if end and end < clock.now().date():
        text = _("%(version)s is past its end of life (%(end)s): for trial only", version=number, end=end)
        return Finding("MongoDB", "warning", text, _("name a current one in MONGODB_URI"))
    return Finding("MongoDB", "ok", number)


def replica_set() -> Finding:
    """Whether what is acknowledged survives the loss of a machine."""
    hello = get_db().client.admin.command("hello")
    if hello.get("msg") == "isdbgrid":
        return Finding("replica set", "ok", "sharded cluster")
    if "setName" not in hello:
        text = _("this MongoDB is standalone, so nothing it acknowledges is safe from a failure")
        return Finding("replica set", "problem", text, _("make it a replica set (rs.initiate())"))
    return Finding("replica set", "ok", f"{hello['setName']}, {len(hello['hosts'])}")


def majority() -> Finding:
    """Whether a majority acknowledges what is written: it has to have all that came before this write of nothing."""
    started = time.perf_counter()
    get_db()[migrations.COLLECTION].update_one({"_id": "no such note"}, {"$set": {"nothing": True}})
    took = time.perf_counter() - started
    text = _("acknowledges in %(milliseconds)s ms", milliseconds=round(took * 1000))
    if took > SLOW_SECONDS:
        return Finding("majority", "warning", text, _("look for a member that is away or behind (rs.status())"))
    return Finding("majority", "ok", text)


def times() -> Finding:
    """Whether this machine and the database agree on the time."""
    before = clock.now()
    server: datetime = get_db().client.admin.command("hello")["localTime"]
    after = clock.now()
    skew = server.astimezone(UTC) - (before + (after - before) / 2)
    text = _("%(seconds)s s between this machine and MongoDB", seconds=f"{skew.total_seconds():.1f}")
    if abs(skew) > MOST_SKEW + (after - before):
        return Finding("clock", "warning", text, _("let NTP set the clocks of all machines"))
    return Finding("clock", "ok", text)


def structure() -> Finding:
    """Whether migrations, validators and indexes are those of this version."""
    if found := db.check():
        return Finding("structure", "problem", "; ".join(found[:5]), _("run: flask db init"))
    return Finding("structure", "ok", _("validators and indexes are as they should be"))


def disk() -> Finding:
    """How full the disk is that the database writes to; a full one stops it."""
    stats = get_db().command("dbStats")
    if not stats.get("fsTotalSize"):
        return Finding("disk", "ok", _("this MongoDB does not say how full its disk is"))
    percent = round(100 * stats["fsUsedSize"] / stats["fsTotalSize"])
    text = _("%(percent)s percent of the database's disk are in use", percent=percent)
    state: State = "problem" if percent >= FULL else "warning" if percent >= NEARLY_FULL else "ok"
    return Finding("disk", state, text, "" if state == "ok" else _("give it more room"))
