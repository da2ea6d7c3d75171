"""Looks for published holes in the locked packages; 1 where there is one, 0 with a clear line where nobody could be asked.

pip-audit calls everything sound that the registry knows nothing about, as mirrors without that data do. So an answer counts
only where it covers every package.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
FILES = ("requirements.txt", "requirements-dev.txt", "requirements-tools.txt")
SECONDS = 180


def ask(file: str, service: str) -> list[dict[str, object]] | str:
    """What this service says of each package, or why it says nothing."""
    command = [str(Path(sys.executable).parent / "pip-audit"), "-r", file, "--require-hashes", "--disable-pip"]
    command += ["--vulnerability-service", service, "--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)  # noqa: S603
        packages: list[dict[str, object]] = json.loads(done.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        return f"no answer in {SECONDS} s"
    except (ValueError, KeyError):
        return (done.stderr.strip().splitlines() or ["no answer"])[-1][:200]
    if skipped := [str(one["name"]) for one in packages if "skip_reason" in one]:
        return f"nothing is known there of {len(skipped)} packages, such as {skipped[0]}"
    return packages


def main() -> int:
    """Asks for each file, first the one service, then the other."""
    holes = 0
    for file in FILES:
        for service in ("pypi", "osv"):
            answer = ask(file, service)
            if not isinstance(answer, str):
                found = [(one, hole) for one in answer for hole in one["vulns"]]  # type: ignore[attr-defined]
                for one, hole in found:
                    print(
                        f"{file}: {one['name']} {one['version']}: {hole['id']}, mended in {hole['fix_versions'] or 'none'}"
                    )
                print(f"{file}: {len(answer)} packages looked up at {service}, {len(found)} holes")
                holes += len(found)
                break
            print(f"{file}: NOT AUDITED by {service}: {answer}")
    return 1 if holes else 0


if __name__ == "__main__":
    sys.exit(main())
