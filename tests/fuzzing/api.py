"""Calls of the API made up from its own document by Schemathesis, each held against that document and against the database."""

import contextvars
import copy
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import schemathesis
from flask import Flask
from hypothesis import Phase, settings
from schemathesis import Case, Response
from schemathesis.checks import CheckContext
from schemathesis.generation.hypothesis.builder import HypothesisTestConfig, HypothesisTestMode, create_test
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import allow_header_conformance, negative_data_rejection

from app.models.api_key import SELF
from app.models.permission import Permission
from tests.factories import bearer
from tests.fuzzing.kept_world import UNHURRIED, KeptWorld

CALLERS = ("no key", "a self key", "an admin's key")
# What a model of ours says of a field, as opposed to a service: the document must have said it before.
SAID_BY_A_MODEL = re.compile(
    r"There is no such field\.|This field is required\.|Must be (text|true or false|an object|a list|one of .*)\."
    r"|Must be a whole number.*|Must be at (least|most) [\d.]+\."
)
# Another method of the address that takes any name in this one's place: there is no such request, and it says so.
SHADOWED = {"POST /api/admin/listing-requests/bulk-action"}


class ApiFuzzer:
    """All operations, and who calls them."""

    def __init__(self, app: Flask, world: KeptWorld) -> None:
        """Makes the keys and keeps the world as it is then."""
        self._world = world
        self._headers = {
            "no key": {},
            "a self key": bearer(world.owner, SELF),
            "an admin's key": bearer(world.admin, SELF, *Permission),
        }
        # The first call of a key is noted on it, and that of its owner; in a time that stands still, no later one is.
        for headers in self._headers.values():
            app.test_client().get("/api/catalogue.json", headers=headers)
            app.test_client().get("/api/token-requests/my-requests", headers=headers)
        world.keep()
        schema = schemathesis.openapi.from_dict(_with_real_names(app.api_doc, _real(world)))  # type: ignore[attr-defined]
        schema.app = app
        # What a text may not hold (NUL, half a surrogate pair) is said once for all, in words; other tests send it.
        schema.config.generation.update(allow_x00=False)
        # What is refused although it has the right shape is looked at below.
        schema.config.checks.positive_data_acceptance.expected_statuses += ["400", "402"]
        self._project = schema.config
        self.operations: list[APIOperation[Any, Any, Any, Any]] = [one.ok() for one in schema.get_all_operations()]

    def run(self, operation: APIOperation[Any, Any, Any, Any], caller: str, cases: int, **options: Any) -> Counter[str]:
        """Calls the operation so often; gives how many answers had each hundred of status. Raises what a check found."""
        seen: Counter[str] = Counter()

        def test(case: Case) -> None:
            seen[self._call(case, self._headers[caller])] += 1

        modes = [HypothesisTestMode.FUZZING]
        if options.pop("covering", True):
            modes += [HypothesisTestMode.EXAMPLES, HypothesisTestMode.COVERAGE]
        config = HypothesisTestConfig(
            project=self._project,
            modes=modes,
            settings=settings(max_examples=cases, phases=[Phase.explicit, Phase.generate], **UNHURRIED, **options),
        )
        create_test(operation=operation, test_func=test, config=config)()
        return seen

    def _call(self, case: Case, headers: dict[str, str]) -> str:
        self._world.put_back()
        # Each in a context of its own: what a request leaves in ours would be there for the next.
        response = contextvars.Context().run(
            case.call_and_validate,
            headers=headers,
            additional_checks=[nothing_is_refused_that_the_document_allows, says_nothing_of_the_inside],
            excluded_checks=list(_excluded(case)),
        )
        if response.status_code >= 400:
            stored = self._world.changed()
            assert not stored, (
                f"{case.operation.label}: {response.status_code}, and yet something is stored in {stored}"
            )
        return f"{response.status_code // 100}xx"


def nothing_is_refused_that_the_document_allows(_context: CheckContext, response: Response, case: Case) -> None:
    """Services know more than a document can say; but what a model refuses, the document must rule out."""
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code != 400:
        return
    errors = response.json()["errors"]
    for name, said in errors.items():
        assert not any(SAID_BY_A_MODEL.fullmatch(one) for one in said), (case.operation.label, name, said)


def says_nothing_of_the_inside(_context: CheckContext, response: Response, case: Case) -> None:
    """No answer holds a stack trace or an error of the database."""
    assert not re.search(rb"Traceback|pymongo|mongoengine|/site-packages/|\.py\"", response.content), (
        case.operation.label
    )


def _excluded(case: Case) -> Iterator[Any]:
    if case.operation.label in SHADOWED:
        yield allow_header_conformance
    if "" in (case.query or {}).values():
        # An empty field of a query counts as absent, which OpenAPI cannot say.
        yield negative_data_rejection


def _real(world: KeptWorld) -> dict[str, list[Any]]:
    """What there is by each name, so that not every call asks for what is not there."""
    requests = list(map(str, world.numbers))
    return {
        "user": [str(world.owner.id), "external:u-17"],
        "user_id": [str(world.owner.id)],
        "hold_id": [str(world.named["hold_id"])],
        "external_id": ["u-17"],
        "reference": requests,
        "requestId": requests,
        "conversation_id": [str(world.named["conversation_id"])],
        "phone": ["79991234567"],
        "phone_number": ["79991234567"],
    }


def _with_real_names(document: dict[str, Any], real: dict[str, list[Any]]) -> dict[str, Any]:
    """The document with what there is put before what else a name may be."""
    document = copy.deepcopy(document)
    for schema in document["components"]["schemas"].values():
        if schema.get("additionalProperties") is False:
            for name in real.keys() & schema.get("properties", {}).keys():
                schema["properties"][name] = {"anyOf": [{"enum": real[name]}, schema["properties"][name]]}
    for operation in (one for path in document["paths"].values() for one in path.values()):
        for parameter in operation.get("parameters", ()):
            if parameter["name"] in real:
                parameter["schema"] = {"anyOf": [{"enum": real[parameter["name"]]}, parameter["schema"]]}
    return document
