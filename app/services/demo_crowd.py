"""A demo crowd: as many people as wanted, with accounts, ledgers and requests that are true by all the rules.

It is made in shares of some hundred people, by several processes at once, and goes straight into the collections: going through
the services one by one would take days for a million. Nothing that is already there changes. All of it follows from a seed, so
that what was broken off is finished by running it again.
"""

import gc
import multiprocessing
import os
import signal
import threading
from array import array
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from typing import Any
from zoneinfo import ZoneInfo

from flask import current_app
from mongoengine import Document, connect
from pymongo import WriteConcern
from pymongo.errors import BulkWriteError, DuplicateKeyError

from app import clock, db
from app.models.actor import Actor
from app.models.audit_event import Action
from app.models.catalogue_token import CatalogueToken
from app.models.demo_crowd import DemoCrowd
from app.models.domain_error import N_, InvalidInput
from app.models.ledger_entry import LedgerEntry
from app.models.token_account import TokenAccount
from app.models.token_request import TokenRequest
from app.models.user import User
from app.services import audit, demo_crowd_people, numbers, token_list
from app.services.demo_crowd_life import Documents, add_life
from app.services.demo_crowd_plan import LARGEST_SEED, Plan, policy_of

# People made and stored at a time.
SHARE = 500
MOST_REQUESTS_A_PERSON = 100
DUPLICATE_KEY = 11000


def begin(*, seed: int | None = None, users: int, requests: int, by: Actor) -> DemoCrowd:
    """The crowd of a seed, to be made or finished; without one, what is unfinished of this size, else a new crowd.

    Raises `InvalidInput` where the seed was used for a crowd of another size.
    """
    if requests > users * MOST_REQUESTS_A_PERSON:
        raise InvalidInput(errors={"requests": [N_("At most 100 requests for each user.")]})
    seed = seed or _next_seed(users, requests)
    crowd = DemoCrowd.objects(seed=seed).first() or _begun(seed, users, requests, by)
    if (crowd.users, crowd.requests) != (users, requests):
        raise InvalidInput(errors={"seed": [N_("This seed has made a crowd of another size; use another seed.")]})
    made = {"users": crowd.users, "requests": crowd.requests}
    object_ = {"kind": "demo_crowd", "id": str(seed)}
    audit.record(
        key=f"demo:{seed}", action=Action.DEMO_CROWD, actor=by.trail(), object=object_, at=crowd.at, after=made
    )
    return crowd


def _next_seed(users: int, requests: int) -> int:
    if unfinished := DemoCrowd.objects(users=users, requests=requests, done_at=None).first():
        return int(unfinished.seed)
    last = DemoCrowd.objects.order_by("-seed").first()
    return min(last.seed + 1, LARGEST_SEED) if last else 1


def _begun(seed: int, users: int, requests: int, by: Actor) -> DemoCrowd:
    settings = {
        "tiers": current_app.config["TIERS"],
        "default_tier": current_app.config["DEFAULT_TIER"],
        "initial_tokens": current_app.config["INITIAL_TOKENS"],
        "low_balance": current_app.config["LOW_BALANCE_TOKENS"],
        "out_of_tokens": current_app.config["CHAT_MIN_TOKENS"],
        "time_zone": current_app.config["TIME_ZONE"],
    }
    first_number = numbers.reserve("token_requests", requests)
    crowd = DemoCrowd(seed=seed, users=users, requests=requests, first_number=first_number, settings=settings)
    crowd.at, crowd.by = clock.now(), by.stamp()
    with suppress(DuplicateKeyError):
        DemoCrowd._get_collection().insert_one(crowd.to_mongo())
    return DemoCrowd.objects.get(seed=seed)


def make(crowd: DemoCrowd, *, processes: int | None = None) -> Iterator[int]:
    """Makes what is missing of a crowd; yields how many people each share had, as it is done."""
    plan = _plan(crowd)
    shares = list(enumerate(plan.asked_by(SHARE)))
    processes = min(processes or os.cpu_count() or 1, len(shares))
    if processes == 1:
        for n, asked in shares:
            yield _make_share(plan, n, asked)
    else:
        yield from _make_together(plan, shares, processes)
    # Shares are acknowledged by one server; what a majority has of this write, it has of them too.
    token_list.publish()
    DemoCrowd._get_collection().update_one({"_id": crowd.seed}, {"$set": {"done_at": clock.now()}})


def _plan(crowd: DemoCrowd) -> Plan:
    return Plan(
        seed=crowd.seed,
        users=crowd.users,
        requests=crowd.requests,
        at=crowd.at,
        first_number=crowd.first_number,
        policy=policy_of(crowd.settings),
        default_tier=crowd.settings["default_tier"],
        initial_tokens=crowd.settings["initial_tokens"],
        zone=ZoneInfo(crowd.settings["time_zone"]),
        by=dict(crowd.by),
    )


# --- several processes ------------------------------------------------------------------------------------------------


def _make_together(plan: Plan, shares: "list[tuple[int, array[int]]]", processes: int) -> Iterator[int]:
    """Each process has a connection of its own, and ends with this one."""
    pool = ProcessPoolExecutor(
        processes,
        # A forked driver would share its connections.
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin_process,
        initargs=(db.uri(current_app), plan),
    )
    try:
        for future in as_completed([pool.submit(_make_share_of_process, n, asked) for n, asked in shares]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


_plan_of_process: list[Plan] = []


def _begin_process(uri: str, plan: Plan) -> None:
    # Ctrl-C is for the process that draws the progress: it lets the others finish their shares.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Nothing here refers to itself, and looking for it among so many documents takes a fifth of the time.
    gc.disable()
    connect(host=uri, **db.CLIENT_OPTIONS)
    _plan_of_process.append(plan)


def _end_with_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def _make_share_of_process(n: int, asked: "array[int]") -> int:
    return _make_share(_plan_of_process[0], n, asked)


# --- one share --------------------------------------------------------------------------------------------------------


def _make_share(plan: Plan, n: int, asked: "array[int]") -> int:
    """Stores share `n` unless it is there; what was stored of it before it was broken off stays as it is."""
    people = range(n * SHARE, min((n + 1) * SHARE, plan.users))
    with db.slow():
        if not _is_there(plan, people):
            _store(_documents(plan, people, asked))
    return len(people)


def _is_there(plan: Plan, people: range) -> bool:
    """Whether all users of a share are there, who come after all else of it."""
    ids = [plan.user_id(person) for person in people]
    return User._get_collection().count_documents({"_id": {"$in": ids}}) == len(ids)


def _documents(plan: Plan, people: range, asked: "array[int]") -> Documents:
    by_person: dict[int, list[int]] = {person: [] for person in people}
    for one in asked:
        by_person[one >> 32].append(one & 0xFFFFFFFF)
    made, reviewers = Documents(), demo_crowd_people.reviewers(plan)
    for person in people:
        add_life(made, plan, person, by_person[person], reviewers)
    return made


def _store(made: Documents) -> None:
    """The ledger first and the users last, so that nobody meets an account or a user that is not whole."""
    _insert(LedgerEntry, made.entries)
    _insert(TokenAccount, made.accounts)
    _insert(CatalogueToken, made.tokens)
    _insert(TokenRequest, made.requests)
    _insert(User, made.users)


def _insert(kind: type[Document], documents: Sequence[dict[str, Any]]) -> None:
    """Inserts what is missing of `documents`; the same id is the same document."""
    if not documents:
        return
    collection = kind._get_collection().with_options(write_concern=WriteConcern(w=1))
    try:
        collection.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        failures = error.details["writeErrors"]
        if not all(one["code"] == DUPLICATE_KEY and list(one["keyPattern"]) == ["_id"] for one in failures):
            raise
