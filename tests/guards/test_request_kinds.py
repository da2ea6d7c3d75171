"""A kind of request is there as a whole: it can be submitted, decided, taken back, shown, and called by programs."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from app.forms import token_request as forms
from app.models.token_request import TokenRequest
from app.services import request_kinds
from tests.factories import make_user, sign_in

TEMPLATES = Path(__file__).parents[2] / "app" / "templates"
# What every kind has an entry in, and what its pages are made of.
TABLES = ("ON_APPROVAL", "ON_REVOCATION", "ELIGIBILITY", "SUBMIT", "SLOT_KEPT_BY")
MACROS = ("title", "intro", "fields", "what", "facts", "outcome", "on_approval")


def kinds() -> set[str]:
    """Every kind that any part knows of."""
    classes = {one.KIND for one in TokenRequest.__subclasses__()}
    tables = (getattr(request_kinds, name) for name in (*TABLES, "EDIT", "RESPONSE_REQUIRED", "GRANTS"))
    return classes.union(*tables)


def lacking(kind: str) -> list[str]:
    """What a kind has not got yet: the recipe of CONTRIBUTING.md, step by step."""
    service, shapes, macros = (
        f"app.services.{kind}_requests",
        f"app.routes.api.{kind}_shapes",
        f"requests/kinds/{kind}.html",
    )
    has = {
        f"a class in models/token_request.py whose KIND is {kind}": kind
        in (one.KIND for one in TokenRequest.__subclasses__()),
        f"a service {service} with submit and can_submit": has_all(service, "submit", "can_submit"),
        **{f"an entry in request_kinds.{table}": kind in getattr(request_kinds, table) for table in TABLES},
        "a form in forms/token_request.FORMS": kind in forms.FORMS,
        "a name in templates/components/requests.html": f'kind == "{kind}"' in template("components/requests.html"),
        **{f"a macro {name} in templates/{macros}": f"macro {name}(" in template(macros) for name in MACROS},
        f"a shape {shapes}.own": has_all(shapes, "own"),
    }
    return [what for what, there in has.items() if not there]


def has_all(module: str, *names: str) -> bool:
    return find_spec(module) is not None and all(hasattr(import_module(module), name) for name in names)


def template(name: str) -> str:
    path = TEMPLATES / name
    return path.read_text() if path.exists() else ""


def test_there_are_kinds():
    assert kinds() >= {"quota", "beta"}


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_a_kind_is_complete(kind):
    assert lacking(kind) == []


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_the_form_of_a_kind_opens(client, kind):
    sign_in(client, make_user())
    assert client.get(f"/requests/new?kind={kind}").status_code == 200


def test_a_half_made_kind_is_told_all_that_it_lacks():
    assert lacking("gift") == [
        "a class in models/token_request.py whose KIND is gift",
        "a service app.services.gift_requests with submit and can_submit",
        *(f"an entry in request_kinds.{table}" for table in TABLES),
        "a form in forms/token_request.FORMS",
        "a name in templates/components/requests.html",
        *(f"a macro {name} in templates/requests/kinds/gift.html" for name in MACROS),
        "a shape app.routes.api.gift_shapes.own",
    ]
