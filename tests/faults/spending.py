"""Run as a program: threads that spend from one account, each in its own way, until nothing is left or they are killed.

Takes the database's URI, the user's id, a name for the keys, the number of threads and the tokens of a spend. Prints
`try <key>` before a spend with a key, and `done <key or -> <entry> <amount> <available>` for what was acknowledged.
"""

import sys
import threading
from itertools import count

from bson import ObjectId
from flask import Flask

import config
from app import create_app
from app.models.actor import Actor
from app.models.domain_error import InsufficientTokens
from app.services import token_accounts

BY = Actor("cli", "tests", "The tests")
_printing = threading.Lock()


def say(*words: object) -> None:
    """One line at once, whole."""
    with _printing:
        sys.stdout.write(" ".join(map(str, words)) + "\n")
        sys.stdout.flush()


def spend(app: Flask, user_id: ObjectId, name: str, tokens: int) -> None:
    """Spends plainly, with a key, and by a hold, in turn."""
    with app.app_context():
        for n in count():
            key = f"{name}-{n}" if n % 3 == 1 else None
            try:
                if n % 3 == 2:
                    held = token_accounts.hold(user_id, tokens, by=BY)
                    outcome = token_accounts.settle(held.hold_id, tokens, by=BY)
                else:
                    if key:
                        say("try", key)
                    outcome = token_accounts.spend(user_id, tokens, by=BY, key=key)
            except InsufficientTokens:
                return
            say("done", key or "-", outcome.entry_id, outcome.amount, outcome.available)


def main(uri: str, user_id: str, name: str, threads: str, tokens: str) -> None:
    """Starts the threads and waits for them."""
    app = create_app(config.Testing(MONGODB_URI=uri))
    running = [
        threading.Thread(target=spend, args=(app, ObjectId(user_id), f"{name}-{number}", int(tokens)))
        for number in range(int(threads))
    ]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
