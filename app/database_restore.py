"""Brings a dump back into a database, after each file was proved to be the one that the manifest speaks of."""

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

from bson.codec_options import CodecOptions
from bson.errors import InvalidBSON
from bson.raw_bson import RawBSONDocument
from mongoengine.connection import get_db

from app import clock, database_dump, db, migrations
from app.database_dump import BATCH, FORMAT, MANIFEST, DumpError, Manifest, Part, Progress, path

LARGEST_DOCUMENT = 16 * 2**20
# What a batch may weigh: a message to the database may not be larger than 48 MB.
BATCH_BYTES = 8 * 2**20
RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)


def read_manifest(folder: Path) -> Manifest:
    """What the dump in `folder` holds; raises `DumpError` where it is none, or one of a newer version."""
    try:
        stored = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError):
        raise DumpError(f"{folder} has no {MANIFEST} that can be read: no dump, or one that was broken off.") from None
    try:
        if stored["format"] != FORMAT or not set(stored["migrations"]) <= set(migrations.names()):
            raise DumpError(f"{folder} was made by a newer version of Tokendesk.")
        parts = {name: Part(**part) for name, part in stored["parts"].items()}
        return Manifest(stored["database"], stored["taken_at"], stored["migrations"], parts)
    except (KeyError, TypeError, AttributeError):
        raise DumpError(f"{folder} has a {MANIFEST} that is none of ours.") from None


def prove(folder: Path, manifest: Manifest, *, progress: Progress) -> None:
    """Reads every file to its end; raises `DumpError` where one is not what was written."""
    for name, part in manifest.parts.items():
        sha, documents = hashlib.sha256(), 0
        for document in _documents(folder, name):
            sha.update(document)
            documents += 1
            progress(1)
        if Part(documents, sha.hexdigest()) != part:
            raise DumpError(f"{path(folder, name)} is damaged: it holds other documents than were written.")


def is_empty() -> bool:
    """Whether nothing would be lost."""
    return not any(get_db()[name].find_one({}, {"_id": 1}) for name in _kept_names())


def _kept_names() -> list[str]:
    return [name for name in database_dump.names() if name != migrations.COLLECTION]


def load(folder: Path, manifest: Manifest, *, progress: Progress) -> None:
    """Puts the dump in the place of all that the database holds. Broken off, it leaves a database that is not ready."""
    database = get_db()
    notes = database[migrations.COLLECTION]
    # First, so that nobody takes a half of it for the whole.
    notes.update_one({"_id": migrations.RESTORING}, {"$set": {"since": clock.now()}}, upsert=True)
    notes.delete_many({"_id": {"$ne": migrations.RESTORING}})
    for name in database.list_collection_names(filter={"type": "collection"}):
        if name != migrations.COLLECTION and not name.startswith("system."):
            with db.slow():
                database[name].drop()
    in_order = sorted(manifest.parts, key=lambda name: (name == migrations.COLLECTION, name))
    for name in in_order:
        collection = database.get_collection(name, codec_options=RAW)
        for batch in _in_batches(_documents(folder, name)):
            with db.slow():
                collection.insert_many([RawBSONDocument(document) for document in batch], ordered=False)
            progress(len(batch))
    notes.delete_one({"_id": migrations.RESTORING})


def differences(manifest: Manifest, *, progress: Progress) -> list[str]:
    """What the database holds otherwise than the dump, a sentence each; to be asked before anything is migrated."""
    found = []
    for name, part in manifest.parts.items():
        present = database_dump.part_of(name, progress=progress)
        if present != part:
            found.append(f"{name}: {present.documents} documents, and not the {part.documents} of the dump")
    return found


def _documents(folder: Path, name: str) -> Iterator[bytes]:
    """The documents of a file one by one; raises `DumpError` where it cannot be read to its end."""
    try:
        with gzip.open(path(folder, name), "rb") as file:
            while head := file.read(4):
                size = int.from_bytes(head, "little")
                if len(head) < 4 or not 5 <= size <= LARGEST_DOCUMENT:
                    raise InvalidBSON("no document begins so")
                body = file.read(size - 4)
                if len(body) < size - 4:
                    raise EOFError("it ends in the middle of a document")
                yield head + body
    except (OSError, EOFError, zlib.error, InvalidBSON) as error:
        raise DumpError(f"{path(folder, name)} cannot be read: {error}") from None


def _in_batches(documents: Iterator[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    weight = 0
    for document in documents:
        batch.append(document)
        weight += len(document)
        if len(batch) == BATCH or weight >= BATCH_BYTES:
            yield batch
            batch, weight = [], 0
    if batch:
        yield batch


def complete() -> list[str]:
    """Makes the database fit this version, migrations included; returns what differs even so."""
    db.prepare()
    return db.check()
