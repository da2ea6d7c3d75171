"""The app over HTTP: as a user starts it, `flask serve` with a folder and a port of its own, or in this process."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from flask import Flask
from werkzeug.serving import make_server

from tests.factories import PASSWORD
from tests.processes import descendants, wait_until

ROOT = Path(__file__).parent.parent
START_SECONDS = 90


class Server:
    """A running `flask serve`, and what it started."""

    def __init__(self, folder: Path, **environment: str) -> None:
        """Starts it; `environment` goes over ours, from which all settings of the app are left out."""
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / f"serve-{self.port}.log"
        folder.mkdir(parents=True, exist_ok=True)
        own = {"INSTANCE_FOLDER": str(folder), "PORT": str(self.port), **environment}
        kept = {
            name: os.environ[name]
            for name in ("PATH", "HOME", "TMPDIR", "LANG", "ENV_FILE", "FLASK_SKIP_DOTENV")
            if name in os.environ
        }
        self.environment = {**kept, **own}
        with self.log.open("wb") as output:
            self.process = self._flask("serve", stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    def _flask(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]
        return subprocess.Popen(command, cwd=ROOT, env=self.environment, **options)  # noqa: S603

    def wait_until_ready(self) -> None:
        """Returns when the address was printed, and fails with the output when the process ends before."""
        wait_until(lambda: self.process.poll() is not None or "is ready" in self.output, START_SECONDS)
        assert self.process.poll() is None, self.output

    @property
    def output(self) -> str:
        """All that was printed since the start."""
        return self.log.read_text()

    def accounts(self) -> dict[str, str]:
        """The password of each demo account, by e-mail, from the file that a user would look into."""
        lines = (self.folder / "demo-accounts.txt").read_text().splitlines()
        return {line.split()[0]: line.split()[1] for line in lines if "@" in line}

    def part(self, word: str) -> int:
        """The process id of the first process under it whose command line holds `word`."""
        return next(one for one in descendants(self.process.pid) if word in _command(one))

    def get(self, path: str) -> httpx2.Response:
        """What the server answers to a plain GET."""
        return httpx2.get(f"{self.url}{path}", timeout=15, trust_env=False)

    def browser(self) -> httpx2.Client:
        """A client that keeps cookies."""
        return httpx2.Client(base_url=self.url, timeout=15, trust_env=False)

    def make_user(self, email: str) -> None:
        """A user with `PASSWORD`, made at the command line."""
        with self._flask("users", "create", email, "--password-stdin", stdin=subprocess.PIPE) as process:
            process.communicate(PASSWORD.encode())
        assert process.returncode == 0

    def sign_in(self, browser: httpx2.Client, email: str) -> None:
        """Signs in as a person does, with the form's own token."""
        page = browser.get("/sign-in").text
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert found
        form = {"csrf_token": found[1], "email": email, "password": PASSWORD}
        assert browser.post("/sign-in", data=form).status_code == 303

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Sends a signal, waits for the end and gives the exit code."""
        self.process.send_signal(number)
        return self.end()

    def end(self) -> int:
        """Waits until it ends by itself and gives the exit code."""
        try:
            return self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


@contextmanager
def serving(folder: Path, **environment: str) -> Iterator[Server]:
    """A server that is ready, and that has ended after the block."""
    server = Server(folder, **environment)
    try:
        server.wait_until_ready()
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()


@contextmanager
def over_http(app: Flask) -> Iterator[str]:
    """The address at which this very app is served, by threads of this process, while the block runs."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _command(process_id: int) -> str:
    try:
        return Path(f"/proc/{process_id}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except FileNotFoundError:
        return ""
