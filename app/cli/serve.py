"""`flask serve`: everything on one machine, with one command."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

import click
from flask import current_app
from flask_babel import gettext as _

from app import child_process, db, embedded_mongo
from app.models.actor import Actor
from app.models.user import User
from app.services import assistants, demo

START_SECONDS = 60
# An answer that is being written may be finished; gunicorn (gunicorn.conf.py) ends a little earlier than we lose patience.
GRACE_SECONDS = 15


class _Asked(BaseException):
    """Somebody asked us to end: Ctrl-C, SIGTERM, or a terminal that was closed."""


@click.command("serve")
@click.option(
    "--port", type=click.IntRange(1, 65_535), help="Where to listen on 127.0.0.1.  [default: PORT, else 5000]"
)
@click.pass_context
def command(context: click.Context, port: int | None) -> None:
    """Serve Tokendesk on this machine: the database where MONGODB_URI names none, the pages, and the worker.

    Everything ends together, at Ctrl-C or when one part ends.

    \b
    Example:
      flask serve --port 5001
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _ask)
    try:
        code = _serve(port or current_app.config["PORT"])
    except _Asked:
        code = 0
    click.echo(_("Tokendesk has ended."))
    context.exit(code)


def _ask(_number: int, _frame: FrameType | None) -> None:
    # Once is enough: the end must not be broken off by a second Ctrl-C.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise _Asked


def _serve(port: int) -> int:
    _check_free(port)
    children: list[subprocess.Popen[bytes]] = []
    accounts = ""
    with ExitStack() as stack:
        if current_app.config["MONGODB_URI"]:
            _prepare()
        else:
            children.append(stack.enter_context(_own_mongo()))
            _prepare()
            accounts = _seed_demo()
        shutil.rmtree(_metrics_folder(), ignore_errors=True)
        _metrics_folder().mkdir(parents=True)
        children += [stack.enter_context(_child(command)) for command in _commands(port)]
        address = f"http://127.0.0.1:{port}"
        _wait_until_ready(f"{address}/readyz", children)
        if accounts:
            click.echo(accounts)
        click.secho(_("Tokendesk is ready: %(address)s   (Ctrl-C ends it)", address=address), bold=True)
        return _wait_for_first(children)


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise click.ClickException(
                _(
                    "Port %(port)s cannot be used (%(why)s). Choose another: PORT=5001 make run",
                    port=port,
                    why=error.strerror,
                )
            ) from None


@contextmanager
def _own_mongo() -> Iterator[subprocess.Popen[bytes]]:
    click.echo(_("Starting a MongoDB of our own, for trial and development only. Production needs MONGODB_URI."))
    with ExitStack() as stack:
        try:
            process = stack.enter_context(embedded_mongo.running(Path(current_app.config["MONGO_FOLDER"])))
        except embedded_mongo.MongoUnavailable as error:
            raise click.ClickException(str(error)) from None
        yield process


def _prepare() -> None:
    try:
        db.prepare()
        assistants.ensure_default()
    except db.CANNOT_PREPARE as error:
        raise click.ClickException(str(error)) from None
    except db.ERRORS as error:
        if not db.is_unanswered(error):
            raise
        raise click.ClickException(
            _("MongoDB does not answer at %(hosts)s. Start it, or correct MONGODB_URI.", hosts=db.hosts())
        ) from None


def _seed_demo() -> str:
    """Fills an empty trial database, keeps the passwords in a file, and says how to sign in: with the passwords only once."""
    path = Path(current_app.instance_path) / "demo-accounts.txt"
    if User.objects.first():
        return _("The demo's passwords are in %(path)s.", path=path) if path.exists() else ""
    accounts = demo.seed(by=Actor("cli", "serve", "flask serve"))
    lines = [f"  {account.email:<24} {account.password}   {_(account.what)}" for account in accounts]
    _write_secretly(path, "\n".join([*lines, ""]))
    return "\n".join([_("Sign in as one of these (kept in %(path)s):", path=path), *lines])


def _commands(port: int) -> list[list[str]]:
    python = [sys.executable, "-m"]
    return [
        [*python, "gunicorn", "wsgi:app", "--bind", f"127.0.0.1:{port}"],
        [*python, "flask", "--app", "wsgi", "worker"],
    ]


@contextmanager
def _child(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "SECRET_KEY": current_app.config["SECRET_KEY"] or _development_key(),
        "PROMETHEUS_MULTIPROC_DIR": str(_metrics_folder()),
    }
    process = child_process.start(command, env=environment, cwd=Path(current_app.root_path).parent)
    try:
        yield process
    finally:
        child_process.end(process, seconds=GRACE_SECONDS)


def _metrics_folder() -> Path:
    """Where the web processes and the worker count together."""
    return Path(current_app.instance_path) / "metrics"


def _development_key() -> str:
    """A key of this machine's own, so that a restart signs nobody out."""
    path = Path(current_app.instance_path) / "secret_key"
    if not path.exists():
        _write_secretly(path, secrets.token_urlsafe(48))
    return path.read_text()


def _write_secretly(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text)


def _wait_until_ready(url: str, children: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and _all_run(children):
        try:
            # Whatever proxy the way out needs, this is no way out.
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise click.ClickException(_("Tokendesk did not start; the lines above say why."))


def _wait_for_first(children: list[subprocess.Popen[bytes]]) -> int:
    """Waits until one part ends, and gives its exit code, 128 and the signal's number where a signal ended it.

    It is not started again: what ends without being asked is broken, and a supervisor (systemd, a container) restarts all of it.
    """
    while _all_run(children):
        time.sleep(0.2)
    ended = next(child for child in children if child.returncode is not None)
    click.echo(_("%(command)s has ended; so does the rest.", command=_name(ended)), err=True)
    return ended.returncode if ended.returncode > 0 else 128 - ended.returncode if ended.returncode else 1


def _name(process: subprocess.Popen[bytes]) -> str:
    program, *arguments = [str(argument) for argument in process.args]  # type: ignore[union-attr]
    return "flask worker" if "worker" in arguments else "gunicorn" if "gunicorn" in arguments else Path(program).name


def _all_run(children: list[subprocess.Popen[bytes]]) -> bool:
    return all(child.poll() is None for child in children)
