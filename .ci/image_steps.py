"""Takes the steps of the Dockerfile on a machine without Docker: builds into a folder, starts CMD, and asks HEALTHCHECK.

It reads the Dockerfile, so that the two cannot differ, and refuses what it does not understand. What only an image can have is
left out: the base, the user, and what is only said about it.
"""

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
# The folders of the image that stand under ours instead.
MOVED = ("/opt/venv", "/srv/tokendesk")
OF_IMAGES_ONLY = frozenset({"FROM", "USER", "EXPOSE"})
PORT = "8000"
START_SECONDS = 90
SETTINGS = {
    "SECRET_KEY": "x" * 48,
    "MONGODB_URI": "mongodb://127.0.0.1:9/tokendesk",
    "PUBLIC_URL": "https://tokens.example.com",
}


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Each instruction of a Dockerfile with what follows it, comments and line breaks removed."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, rest = line.strip().partition(" ")
            yield name.upper(), rest.strip()


def sources(rest: str) -> tuple[list[str], str, bool]:
    """What a COPY copies, where to, and whether it comes from an earlier stage."""
    words = shlex.split(rest)
    options = [word for word in words if word.startswith("--")]
    *found, target = [word for word in words if not word.startswith("--")]
    return found, target, any(option.startswith("--from=") for option in options)


def takes(path: str) -> bool:
    """Whether .dockerignore lets this name of the top folder into the image."""
    return f"!{path}" in (ROOT / ".dockerignore").read_text().split()


class Image:
    """The folder that stands for the image, and what was said of how it runs."""

    def __init__(self, folder: Path) -> None:
        """With nothing in it."""
        self.folder, self.workdir = folder, folder
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
        self.command: list[str] = []
        self.health: list[str] = []

    def moved(self, text: str) -> str:
        """`text` with the image's folders as they are here."""
        for path in MOVED:
            text = text.replace(path, f"{self.folder}{path}")
        return text

    def take(self, name: str, rest: str) -> None:
        """One step."""
        if name in OF_IMAGES_ONLY or (name == "RUN" and rest.startswith("useradd ")):
            return
        if name == "WORKDIR":
            self.workdir = Path(self.moved(rest))
            self.workdir.mkdir(parents=True, exist_ok=True)
        elif name == "COPY":
            self._copy(*sources(rest))
        elif name == "RUN":
            run = self.moved(rest)
            subprocess.run(["/bin/sh", "-ec", run], cwd=self.workdir, env=_with_index(self.environment), check=True)  # noqa: S603
        elif name == "ENV":
            for word in shlex.split(rest):
                key, _, value = word.partition("=")
                self.environment[key] = self.moved(value).replace("$PATH", self.environment["PATH"])
        elif name == "CMD":
            self.command = json.loads(rest)
        elif name == "HEALTHCHECK":
            self.health = json.loads(rest.partition("CMD")[2])
        else:
            raise SystemExit(f"{name}: not understood")

    def _copy(self, found: list[str], target: str, from_stage: bool) -> None:
        for source in found:
            if from_stage:
                # Both stages are one folder here: it has to be there, and at the same place.
                if source != target or not Path(self.moved(source)).exists():
                    raise SystemExit(f"{source}: not made by the first stage")
            elif not takes(source):
                raise SystemExit(f"{source}: .dockerignore keeps it out")
            elif (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, self.workdir / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, self.workdir / target)

    def starts(self) -> bool:
        """Whether HEALTHCHECK is content with CMD, and it ends when it is asked to."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        command, health = (
            [word.replace(f":{PORT}", f":{port}") for word in words] for words in (self.command, self.health)
        )
        environment = {**self.environment, **SETTINGS}
        program = shutil.which(command[0], path=environment["PATH"])
        with subprocess.Popen([str(program), *command[1:]], cwd=self.workdir, env=environment) as process:  # noqa: S603
            try:
                healthy = _becomes_healthy(process, health, environment)
            finally:
                process.terminate()
        return healthy and process.returncode == 0


def _with_index(environment: dict[str, str]) -> dict[str, str]:
    """Where packages come from is this machine's affair, as it is the Docker host's."""
    own = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name.endswith("_proxy")}
    return {**own, **environment, "HOME": os.environ.get("HOME", "/")}


def _becomes_healthy(process: subprocess.Popen[bytes], health: list[str], environment: dict[str, str]) -> bool:
    deadline = time.monotonic() + START_SECONDS
    program = shutil.which(health[0], path=environment["PATH"])
    while process.poll() is None and time.monotonic() < deadline:
        asked = subprocess.run([str(program), *health[1:]], env=environment, capture_output=True, check=False)  # noqa: S603
        if asked.returncode == 0:
            return True
        time.sleep(0.5)
    return False


def main() -> int:
    """Builds and starts it; 0 where it became healthy and ended as asked."""
    with tempfile.TemporaryDirectory(prefix="tokendesk-image-") as folder:
        image = Image(Path(folder))
        for name, rest in instructions((ROOT / "Dockerfile").read_text()):
            print(name, rest[:100], flush=True)
            image.take(name, rest)
        healthy = image.starts()
    print("healthy" if healthy else "NOT healthy")
    return 0 if healthy else 1


if __name__ == "__main__":
    sys.exit(main())
