"""The image and the deployment around it, as far as they can be looked at without Docker."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving import ROOT

spec = importlib.util.spec_from_file_location("image_steps", ROOT / ".ci" / "image_steps.py")
image_steps = importlib.util.module_from_spec(spec)
spec.loader.exec_module(image_steps)
STEPS = list(image_steps.instructions((ROOT / "Dockerfile").read_text()))


def test_all_that_is_copied_is_there_and_nothing_else_gets_in():
    copied = {one for name, rest in STEPS if name == "COPY" for one in image_steps.sources(rest)[0]}
    ours = {one for one in copied if not one.startswith("/")}
    assert ours == {"app", "config.py", "gunicorn.conf.py", "requirements.txt", "wsgi.py"}
    for one in ours:
        assert (ROOT / one).exists(), one
        assert image_steps.takes(one), one
    allowed = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert set(allowed) == ours


def test_it_installs_what_was_locked_and_runs_as_nobody_special():
    (install,) = [rest for name, rest in STEPS if name == "RUN" and "pip install" in rest]
    assert "--require-hashes" in install
    assert "-r requirements.txt" in install
    assert [rest for name, rest in STEPS if name == "USER"] == ["10001:10001"]
    assert [name for name, _rest in STEPS].count("FROM") == 2


def test_its_steps_are_understood_without_docker(tmp_path, monkeypatch):
    monkeypatch.setattr(image_steps.subprocess, "run", lambda *_arguments, **_options: None)
    image = image_steps.Image(tmp_path)
    for folder in image_steps.MOVED:
        Path(image.moved(folder)).mkdir(parents=True, exist_ok=True)
    for name, rest in STEPS:
        image.take(name, rest)
    assert (image.workdir / "app" / "db.py").exists()
    assert image.command[:2] == ["gunicorn", "wsgi:app"]
    assert "/healthz" in image.health[-1]
    assert image.environment["ENVIRONMENT"] == "production"
    with pytest.raises(SystemExit, match="not understood"):
        image.take("VOLUME", "/data")
    with pytest.raises(SystemExit, match="keeps it out"):
        image.take("COPY", ".env ./")


def test_the_settings_that_the_deployment_needs_are_in_the_example():
    text = (ROOT / "compose.yaml").read_text()
    example = (ROOT / ".env.example").read_text()
    for name in set(re.findall(r"\$\{([A-Z_]+)", text)):
        assert f"\n#{name}=" in example, name


@pytest.mark.long
def test_its_steps_make_a_server_that_is_healthy():
    done = subprocess.run(
        [sys.executable, ".ci/image_steps.py"], cwd=ROOT, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
