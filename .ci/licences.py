"""Prints docs/licences.md: what runs with the app, and under which licence; `make licences` keeps it.

The environment that is looked into is that of `make run`; what other systems need besides stands there with its reason.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
HEAD = """# Licences

What `requirements.txt` installs, direct and indirect, with the licence that each package names. `make licences` writes
this page; a test compares it with what is locked. Tools and tests (`requirements-dev.txt`, `requirements-tools.txt`) are
not part of what is run.

Tokendesk itself is under the [MIT licence](../LICENSE). The MongoDB that `make run` starts on Linux x86-64
(`requirements-embedded.txt`) is a program of its own under the Server Side Public License v1; it is neither part of
Tokendesk nor of the image, and whoever passes it on has to pass its licence on. Fonts, scripts and styles come out of the
packages below and of this repository.

| package | version | licence |
|---|---|---|"""
FOOT = """
`-`: not installed on the system where this page was written, as the lock names it for others only.
"""


def locked() -> dict[str, str]:
    """The packages of requirements.txt and their versions; of several, the one for older Pythons."""
    found: dict[str, str] = {}
    for name, version in re.findall(r"^([\w.-]+)==([\w.+!-]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE):
        found.setdefault(name.lower(), version)
    return found


def main() -> None:
    """Prints the page."""
    tool = Path(sys.executable).parent / "pip-licenses"
    command = [str(tool), f"--python={sys.argv[1]}", "--format=json", "--from=mixed", "--with-system"]
    installed = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603
    licences = {re.sub(r"[-_.]+", "-", one["Name"]).lower(): one["License"] for one in installed}
    print(HEAD)
    for name, version in sorted(locked().items()):
        print(f"| {name} | {version} | {licences.get(name, '-').replace(chr(10), ' ')[:100]} |")
    print(FOOT, end="")


if __name__ == "__main__":
    main()
