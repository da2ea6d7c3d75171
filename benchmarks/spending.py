"""Spending tokens, against a bare `find_one_and_update` at majority by the same threads on as many accounts."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from bson import ObjectId
from flask import Flask
from mongoengine.connection import get_db
from pymongo import ReturnDocument

from app.models.actor import Actor
from app.models.user import User
from app.services import account_commit, ledger_verify, token_accounts
from benchmarks.rows import Row, compare

BY = Actor("key", "bench", "Benchmark")
MANY = 40


@dataclass(frozen=True, slots=True)
class _Case:
    name: str
    threads: int
    accounts: int
    keyed: bool
    bound: float


CASES = [
    _Case("spend, one thread", 1, MANY, keyed=False, bound=0.80),
    _Case("spend, many accounts", 8, MANY, keyed=False, bound=0.75),
    _Case("spend, one account", 32, 1, keyed=False, bound=1.5),
    _Case("spend with a key, one thread", 1, MANY, keyed=True, bound=0.45),
    _Case("spend with a key, one account", 32, 1, keyed=True, bound=1.0),
]


def rows(app: Flask, *, quick: bool) -> Iterator[Row]:
    """One row a case; afterwards every ledger is complete, and is verified."""
    for case in CASES:
        operations = (20 if quick else 2_000) // (1 if case.threads == 1 else case.threads // 4)
        yield _row(app, case, rounds=1 if quick else 5, operations=operations)
    with app.app_context():
        wrong = [(account_id, problem) for account_id, problem in ledger_verify.verify() if problem]
    if wrong:
        raise AssertionError(f"the ledger of {wrong[0][0]} is wrong: {wrong[0][1]}")


def _row(app: Flask, case: _Case, *, rounds: int, operations: int) -> Row:
    with app.app_context():
        ids = _accounts(case.accounts)
        bare = get_db()["bench_bare"]
        bare.insert_many([{"_id": one, "balance": 10**12, "used": 0} for one in ids])
    chosen = [random.Random(i) for i in range(case.threads)]  # noqa: S311

    def floor(i: int) -> object:
        return bare.find_one_and_update(
            {"_id": chosen[i].choice(ids), "balance": {"$gte": 1}},
            {"$inc": {"balance": -1, "used": 1}},
            return_document=ReturnDocument.AFTER,
        )

    def ours(i: int) -> object:
        key = str(ObjectId()) if case.keyed else None
        return token_accounts.spend(chosen[i].choice(ids), 1, by=BY, key=key, description="benchmark")

    def finish(_i: int) -> None:
        for one in ids:
            account_commit.drain(one)

    row = Row(case.name, case.threads, case.bound)
    return compare(row, app, floor, ours, finish, rounds=rounds, operations=operations)


def _accounts(count: int) -> list[ObjectId]:
    """New users, each with an account and enough to spend."""
    ids = [ObjectId() for _ in range(count)]
    people = [{"_id": one, "email": f"{one}@example.com", "tier": "free", "email_confirmed": True} for one in ids]
    User._get_collection().insert_many(people)
    for one in ids:
        token_accounts.spend(one, 1, by=BY)
        account_commit.drain(one)
    return ids
