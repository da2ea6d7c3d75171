"""`POST /api/usage` over gunicorn, against a bare Flask view with the same look-ups of key and ledger and the same update."""

import http.client
import json
import os
import random
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from bson import ObjectId
from flask import Flask
from mongoengine.connection import get_db

from app import child_process
from app.models.actor import Actor
from app.models.permission import Permission
from app.services import account_commit, api_keys, token_accounts, users
from benchmarks.rows import Row, compare

NAME, BOUND, THREADS = "POST /api/usage, over gunicorn", 0.60, 16
BY = Actor("cli", "bench", "Benchmark")
# One key may call 6,000 times a minute; so many keys are never held up.
KEYS, USERS = 40, 40


def rows(app: Flask, *, quick: bool) -> Iterator[Row]:
    """One row; the load generator shares the two cores with both servers, one at a time."""
    with app.app_context():
        secrets, user_ids = _callers(), _users()
    bodies = [json.dumps({"user": str(one), "tokens": 1, "description": "benchmark"}) for one in user_ids]
    chosen = [random.Random(i) for i in range(THREADS)]  # noqa: S311
    with ExitStack() as stack:
        ours, floor = (stack.enter_context(_serving(module, app)) for module in ("wsgi:app", "benchmarks.bare_app:app"))
        clients = [
            {port: http.client.HTTPConnection("127.0.0.1", port) for port in (ours, floor)} for _ in range(THREADS)
        ]

        def call(i: int, port: int) -> None:
            headers = {
                "Authorization": f"Bearer {chosen[i].choice(secrets)}",
                "Content-Type": "application/json",
                "Idempotency-Key": str(ObjectId()),
            }
            clients[i][port].request("POST", "/api/usage", chosen[i].choice(bodies), headers)
            answer = clients[i][port].getresponse()
            body = answer.read()
            if answer.status != 200:
                raise AssertionError(f"{answer.status}: {body!r}")

        def finish(_i: int) -> None:
            for one in user_ids:
                account_commit.drain(one)

        row = Row(NAME, THREADS, BOUND)
        yield compare(
            row,
            app,
            lambda i: call(i, floor),
            lambda i: call(i, ours),
            finish,
            rounds=1 if quick else 5,
            operations=5 if quick else 250,
        )
        for client in (one for pair in clients for one in pair.values()):
            client.close()


def _callers() -> list[str]:
    """The secrets of keys that may meter."""
    owner = users.create("bench-keys@example.com", password=None, roles=["admin"], by=BY)
    scopes = [Permission.USAGE_WRITE]
    return [api_keys.create(owner.id, name=f"key {n}", scopes=scopes, by=BY)[1] for n in range(KEYS)]


def _users() -> list[ObjectId]:
    """Users with accounts, ours and bare ones."""
    ids: list[ObjectId] = []
    for n in range(USERS):
        user = users.create(f"bench-user-{n}@example.com", password=None, by=BY)
        token_accounts.spend(user.id, 1, by=BY)
        account_commit.drain(user.id)
        ids.append(user.id)
    get_db()["bench_usage"].insert_many([{"_id": one, "balance": 10**12, "used": 0} for one in ids])
    return ids


@contextmanager
def _serving(module: str, app: Flask) -> Iterator[int]:
    """The port of a gunicorn that serves `module` as `flask serve` does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", module, "--bind", f"127.0.0.1:{port}", "--worker-class", "gthread"]
    command += ["--workers", "2", "--threads", "32", "--no-control-socket", "--log-level", "error"]
    # Connections rest while the other way is measured.
    command += ["--keep-alive", "60"]
    settings = {"MONGODB_URI": app.config["MONGODB_URI"], "SECRET_KEY": "x" * 40, "LOG_LEVEL": "ERROR"}
    with child_process.start(command, env={**os.environ, **settings}) as process:
        try:
            _wait_for(port)
            yield port
        finally:
            process.terminate()
            process.wait()


def _wait_for(port: int) -> None:
    pause = threading.Event()
    for _attempt in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            pause.wait(0.1)
        else:
            return
    raise AssertionError(f"nothing listens on port {port}")
