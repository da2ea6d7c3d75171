"""The way to the database: connecting, its structure (validators and indexes), health."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import bson
import pymongo
from flask import Flask, current_app, g
from mongoengine import Document, connect, disconnect
from mongoengine.connection import get_connection, get_db
from mongoengine.errors import OperationError
from pymongo import IndexModel
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, ConnectionFailure, OperationFailure, PyMongoError

from app import embedded_mongo, migrations
from app.models.api_key import ApiKey
from app.models.assistant import Assistant
from app.models.audit_event import AuditEvent
from app.models.audit_seal import AuditAnchor, AuditSeal
from app.models.canned_response import CannedResponse
from app.models.catalogue_token import CatalogueToken
from app.models.conversation import Conversation
from app.models.counter import Counter
from app.models.delivery import Delivery
from app.models.demo_crowd import DemoCrowd
from app.models.ledger_entry import LedgerEntry
from app.models.login_session import LoginSession
from app.models.message import Message
from app.models.notification import Notification
from app.models.order import Order
from app.models.password_reset import PasswordReset
from app.models.rate_limit_window import RateLimitWindow
from app.models.review_batch import ReviewBatch
from app.models.sign_in_link import SignInLink
from app.models.statistics import DailyFigures, FoldState, KeptFigures
from app.models.support import Support
from app.models.token_account import TokenAccount
from app.models.token_list import TokenList
from app.models.token_request import TokenRequest
from app.models.user import User
from app.models.webhook import Webhook
from app.models.worker_heartbeat import WorkerHeartbeat

# Every collection; none makes its own indexes, `ensure_structure` makes them all.
DOCUMENTS: tuple[type[Document], ...] = (
    KeptFigures,
    ApiKey,
    Assistant,
    AuditAnchor,
    AuditEvent,
    AuditSeal,
    CannedResponse,
    CatalogueToken,
    Conversation,
    Counter,
    Delivery,
    DemoCrowd,
    DailyFigures,
    FoldState,
    LedgerEntry,
    LoginSession,
    Message,
    Notification,
    Order,
    PasswordReset,
    RateLimitWindow,
    SignInLink,
    ReviewBatch,
    Support,
    TokenAccount,
    TokenList,
    TokenRequest,
    User,
    Webhook,
    WorkerHeartbeat,
)

# Waits are bounded: a database that is away is an answer of 503, not a page that hangs. An operation may take this
# long in all, its retries and the wait for a new primary included;
OPERATION_SECONDS = 5
CLIENT_OPTIONS = {
    "timeoutMS": OPERATION_SECONDS * 1_000,
    "connectTimeoutMS": 2_000,
    "w": "majority",
    "retryWrites": True,
    "tz_aware": True,
    "uuidRepresentation": "standard",
    "connect": False,
}
# and a request that begins while no primary is known waits this long in all, so that threads stay free for others.
AWAY_SECONDS = 2
INDEX_OPTIONS = ("unique", "sparse", "partialFilterExpression", "expireAfterSeconds", "collation")
# What the server says when there is an index of that name or key already, but a different one.
DIFFERENT_INDEX = {85, 86}
STRUCTURE = "structure"
# The server's own word that it could not do what was asked now, and might later: out of time, stopping, no primary any
# more, cut off from the others, no room on the disk, an index gone that a query was using.
INTERRUPTED = frozenset(
    {6, 7, 50, 64, 89, 91, 134, 175, 189, 262, 9001, 10107, 11600, 11601, 11602, 13435, 13436, 14031}
)
# What a call to the database may raise: the driver's errors, some of which MongoEngine wraps in one of its own.
ERRORS = (PyMongoError, OperationError)
Step = TypeVar("Step")


class StructureConflict(RuntimeError):
    """The database holds what cannot be changed in place; the text names it."""


# Why a database is not made to fit this code; each says what to do about it.
CANNOT_PREPARE = (StructureConflict, migrations.Locked, migrations.HalfRestored)


def init_app(app: Flask) -> None:
    """Names the database for this process; the first query opens the connection."""
    app.config.setdefault("MONGO_FOLDER", str(Path(app.instance_path) / "mongo"))
    disconnect()
    connect(host=uri(app), **CLIENT_OPTIONS)
    app.before_request(_be_brief_while_away)
    app.teardown_request(_end_brevity)


def _be_brief_while_away() -> None:
    topology = get_connection().topology_description
    # A process that has asked no server yet knows of no primary either, but has no reason to hurry.
    has_asked = any(one.is_server_type_known or one.error for one in topology.server_descriptions().values())
    if has_asked and not topology.has_writable_server():
        g.brevity = pymongo.timeout(AWAY_SECONDS)
        g.brevity.__enter__()


def _end_brevity(_error: BaseException | None) -> None:
    if brevity := g.pop("brevity", None):
        brevity.__exit__(None, None, None)


def uri(app: Flask) -> str:
    """The address of the database, with user and password."""
    address: str = app.config["MONGODB_URI"]
    return address or embedded_mongo.uri(Path(app.config["MONGO_FOLDER"]))


def hosts() -> str:
    """The hosts that this process was told to ask, without user and password."""
    return unquote(urlsplit(uri(current_app)).netloc.rpartition("@")[2])


def is_unanswered(error: BaseException | None) -> bool:
    """Whether the database was away or too slow: the outcome is unknown, and the same may work later."""
    if isinstance(error, OperationError):
        return is_unanswered(error.__context__)
    if isinstance(error, ConnectionFailure) or (isinstance(error, PyMongoError) and error.timeout):
        return True
    return isinstance(error, OperationFailure) and not INTERRUPTED.isdisjoint(_codes(error))


def _codes(error: OperationFailure) -> set[int | None]:
    """What the server says is wrong; of many writes at once, each may have a word of its own."""
    if not isinstance(error, BulkWriteError):
        return {error.code}
    return {one["code"] for one in [*error.details["writeErrors"], *error.details["writeConcernErrors"]]}


def ping() -> None:
    """Raises a `PyMongoError` when the primary does not answer."""
    get_db().client.admin.command("ping")


def wait_for_majority() -> None:
    """Returns when all that was read before is known to a majority: only then may somebody be told that it is done already.

    What one server alone has written goes again if that server does. A write that changes nothing waits for all before it.
    """
    get_db()[migrations.COLLECTION].update_one({"_id": None}, {"$unset": {"nothing": ""}})


def slow() -> AbstractContextManager[Any]:
    """A `with` block for one piece of work that may rightly take longer than a page: an index build, a batch, a scan.

    Its end is fixed when it begins, and no block inside of it ends later: around many pieces it would break off the whole
    wherever that has come to.
    """
    return pymongo.timeout(3_600)


def each_slow(steps: Iterable[Step]) -> Iterator[Step]:
    """What `steps` gives, one by one, each within a `slow` of its own, and nothing around them all.

    Only the server's own work for one cursor is bounded by the time that its first batch was given.
    """
    remaining = iter(steps)
    while True:
        # Whoever takes a step may be long about it, so no deadline may stand while it is theirs.
        with slow():
            try:
                step = next(remaining)
            except StopIteration:
                return
        yield step


def prepare() -> list[str]:
    """Makes a new or older database fit this code, and says what it did; safe to start twice at once.

    Raises one of `CANNOT_PREPARE`.
    """
    ping()  # Within the bounds of a page: what follows may wait for long, but not for a database that is not there.
    with migrations.alone():
        done = [f"migrated: {name}" for name in each_slow(migrations.run_pending())]
        ensure_structure()
    return done


def ensure_structure() -> None:
    """Sets all validators, makes all indexes, and leaves a note of it for `not_ready`."""
    for document in DOCUMENTS:
        collection = document._get_collection()
        with slow():
            _set_validator(collection, getattr(document, "VALIDATOR", {}))
        try:
            if indexes := _indexes(document):
                with slow():
                    collection.create_indexes(indexes)
        except OperationFailure as error:
            if error.code not in DIFFERENT_INDEX:
                raise
            raise StructureConflict(
                f"{collection.name}: {error.details['errmsg'] if error.details else error}"
            ) from None
    note = {"$set": {"indexes": sorted(_index_names())}}
    get_db()[migrations.COLLECTION].update_one({"_id": STRUCTURE}, note, upsert=True)


def not_ready() -> str | None:
    """Why requests cannot be served now, or None: one look-up."""
    try:
        found = get_db()[migrations.COLLECTION].find({"_id": {"$in": [STRUCTURE, migrations.RESTORING]}})
        notes = {note["_id"]: note for note in found}
    except PyMongoError:
        return "the database does not answer"
    if migrations.RESTORING in notes:
        return str(migrations.HalfRestored())
    note = notes.get(STRUCTURE)
    if note is None or not _index_names() <= set(note["indexes"]):
        return "the database is not prepared: run `flask db init`"
    return None


def check() -> list[str]:
    """How the database differs from what this code expects, a sentence each."""
    try:
        migrations.refuse_half_restored()
    except migrations.HalfRestored as error:
        return [str(error)]
    found = [f"migration {name} has not run" for name in migrations.pending()]
    existing = {info["name"]: info for info in get_db().list_collections()}
    for document in DOCUMENTS:
        collection = document._get_collection()
        if collection.name not in existing:
            found.append(f"collection {collection.name} is missing")
            continue
        validator = existing[collection.name]["options"].get("validator", {})
        if validator != _as_stored(getattr(document, "VALIDATOR", {})):
            found.append(f"validator of {collection.name} differs")
        found += _index_drift(document, collection)
    return found


def _index_drift(document: type[Document], collection: Collection[dict[str, Any]]) -> Iterator[str]:
    present = {index["name"]: index for index in collection.list_indexes()}
    present.pop("_id_", None)
    for expected in (index.document for index in _indexes(document)):
        index = present.pop(expected["name"], None)
        if index is None:
            yield f"index {expected['name']} of {collection.name} is missing"
        elif any(index.get(option) != _as_stored(expected).get(option) for option in INDEX_OPTIONS):
            yield f"index {expected['name']} of {collection.name} has other options"
    for name in present:
        yield f"index {name} of {collection.name} is not known here"


def _indexes(document: type[Document]) -> list[IndexModel]:
    specs = [dict(spec) for spec in document._meta["index_specs"]]
    return [
        IndexModel(spec.pop("fields"), **{name: value for name, value in spec.items() if name != "cls"})
        for spec in specs
    ]


def _index_names() -> set[str]:
    return {
        f"{document._get_collection_name()}.{index.document['name']}"
        for document in DOCUMENTS
        for index in _indexes(document)
    }


def _set_validator(collection: Collection[dict[str, Any]], validator: dict[str, Any]) -> None:
    database = collection.database
    if collection.name not in database.list_collection_names(filter={"name": collection.name}):
        database.create_collection(collection.name, validator=validator)
    else:
        database.command("collMod", collection.name, validator=validator, validationLevel="strict")


def _as_stored(document: dict[str, Any]) -> dict[str, Any]:
    """As the database gives it back: tuples are lists there, and all integers one type."""
    return bson.decode(bson.encode(document))
