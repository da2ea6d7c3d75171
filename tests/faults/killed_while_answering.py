"""Run as a program: the nth user is answered by a process that is killed before its nth command to the database.

Takes the database's URI, and the base URL of a chat server where there is one. Prints the number of
processes that were killed, once one has lived to the end of its answer.
"""

import os
import signal
import sys
from datetime import timedelta
from itertools import count
from typing import Any

from flask import Flask
from pymongo import monitoring

import config
from app import create_app, db
from app.models.user import User
from app.services import answers, chat
from tests.factories import actor_of


class Killer(monitoring.CommandListener):
    """Kills this process when it is about to send its nth command since `left` was set."""

    left: int | None = None

    def started(self, _event: Any) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def succeeded(self, _event: Any) -> None:
        """Nothing more to do."""

    def failed(self, _event: Any) -> None:
        """Nothing more to do."""


def answer(app: Flask, n: int) -> None:
    """Answers the nth user, in a process of its own with a connection of its own, until killed."""
    killer = Killer()
    monitoring.register(killer)
    db.init_app(app)
    with app.app_context():
        user = User.objects.get(email=f"user-{n}@example.com")
        killer.left = n
        chat.send(user, text="Hello", key="key", by=actor_of(user))


def main(uri: str, chat_url: str = "") -> None:
    """Goes on until a process was not killed."""
    # Every piece is saved, so that the answer can be cut off between any two of them.
    answers.SAVE_EVERY = timedelta(0)
    app = create_app(config.Testing(MONGODB_URI=uri, CHAT_BASE_URL=chat_url))
    for n in count(1):
        if (child := os.fork()) == 0:
            answer(app, n)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            print(n - 1)
            sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(*sys.argv[1:])
