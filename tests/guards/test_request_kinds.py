"""A kind of request is there as a whole: it can be submitted, decided, taken back, shown, and called by programs."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from app.forms import token_request as forms
from app.models.token_request import TokenRequest
from app.services import review, token_requests
from tests.factories import make_user, sign_in

TEMPLATES = Path(__file__).parents[2] / "app" / "templates"
CLASS = "Request"


def kinds() -> set[str]:
    """Every kind that any part knows of."""
    classes = {one.__name__.removesuffix(CLASS).lower() for one in TokenRequest.__subclasses__()}
    return classes | set(review.ON_APPROVAL) | set(review.ON_REVOCATION) | set(review.RESPONSE_REQUIRED)


def lacking(kind: str) -> list[str]:
    """What a kind has not got yet."""
    shapes = f"app.routes.api.{kind}_shapes"
    has = {
        f"a class {kind.title()}{CLASS} in models/token_request.py": any(
            one.__name__ == f"{kind.title()}{CLASS}" for one in TokenRequest.__subclasses__()
        ),
        f"a service token_requests.submit_{kind}": hasattr(token_requests, f"submit_{kind}"),
        f"a form {kind.title()}{CLASS}Form in forms/token_request.py": hasattr(forms, f"{kind.title()}{CLASS}Form"),
        "an effect in review.ON_APPROVAL": kind in review.ON_APPROVAL,
        "an effect in review.ON_REVOCATION": kind in review.ON_REVOCATION,
        "a name in templates/components/requests.html": f'"{kind}":' in template("components/requests.html"),
        "a form in templates/requests/": any(
            f"kind='{kind}'" in path.read_text() for path in (TEMPLATES / "requests").glob("*.html")
        ),
        f"a shape in routes/api/{kind}_shapes.py": find_spec(shapes) is not None
        and hasattr(import_module(shapes), "own"),
    }
    return [what for what, there in has.items() if not there]


def template(name: str) -> str:
    return (TEMPLATES / name).read_text()


def test_there_are_kinds():
    assert kinds() >= {"quota"}


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_a_kind_is_complete(kind):
    assert lacking(kind) == []


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_the_form_of_a_kind_opens(client, kind):
    sign_in(client, make_user())
    assert client.get(f"/requests/new?kind={kind}").status_code == 200


def test_a_half_made_kind_is_told_all_that_it_lacks():
    assert lacking("gift") == [
        "a class GiftRequest in models/token_request.py",
        "a service token_requests.submit_gift",
        "a form GiftRequestForm in forms/token_request.py",
        "an effect in review.ON_APPROVAL",
        "an effect in review.ON_REVOCATION",
        "a name in templates/components/requests.html",
        "a form in templates/requests/",
        "a shape in routes/api/gift_shapes.py",
    ]
