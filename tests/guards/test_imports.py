"""The arrows between layers point one way: routes, cli -> forms, services -> models."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

APP = Path(__file__).parent.parent.parent / "app"

# What each layer may import of the app.
LAYERS = {
    "models": ("app.models", "app.clock"),
    "services": ("app.services", "app.models", "app.clock", "app.db", "app.metrics", "app.rate_limits"),
    # Beside the services: a form asks them how long a text may be. It says a refusal as every page does.
    "forms": ("app.forms", "app.services", "app.models", "app.clock", "app.errors"),
}
# What services must not know: they also run in the worker and at the command line.
OF_REQUESTS = {"flask_login", "flask_wtf", "wtforms", "werkzeug", "click"}
OF_FLASK = {"current_app"}


def imports(path: Path) -> Iterator[str]:
    """The full names of what a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def allowed(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def modules(layer: str) -> list[Path]:
    return sorted((APP / layer).rglob("*.py"))


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_only_what_lies_below_it(layer):
    wrong = {
        f"{path.relative_to(APP)}: {name}"
        for path in modules(layer)
        for name in imports(path)
        if name.split(".")[0] == "app" and not allowed(name, LAYERS[layer])
    }
    assert wrong == set()


def test_services_know_nothing_of_requests():
    wrong = {
        f"{path.relative_to(APP)}: {name}"
        for path in modules("services")
        for name in imports(path)
        if name.split(".")[0] in OF_REQUESTS or (name.split(".")[0] == "flask" and name.split(".")[-1] not in OF_FLASK)
    }
    assert wrong == set()


def test_models_know_nothing_of_flask():
    wrong = {
        f"{path.relative_to(APP)}: {name}"
        for path in modules("models")
        for name in imports(path)
        if name.startswith("flask")
    }
    assert wrong == set()


def test_no_layer_imports_the_app_that_is_made_of_it():
    wrong = {str(path.relative_to(APP)) for path in APP.rglob("*.py") if "app.create_app" in imports(path)}
    assert wrong == set()


def test_there_is_no_drawer_for_everything():
    assert not {path.stem for path in APP.rglob("*.py")} & {"utils", "helpers", "common", "misc"}
