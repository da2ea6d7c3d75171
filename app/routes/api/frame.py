"""What all of the JSON API shares: what bodies and queries are made of, and what stands before every view."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from inspect import signature
from typing import Annotated, Any

from flask import Response, current_app, jsonify, make_response, request
from flask_babel import gettext as _
from flask_openapi import APIBlueprint
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema

from app import api_limits
from app.extensions import csrf, limiter
from app.models.domain_error import N_, InvalidInput
from app.openapi import ErrorShape

# What any call may be answered, and what where nobody has to say who they are.
REFUSALS = (400, 401, 403, 429, 503)
REFUSALS_TO_ANYBODY = (400, 429, 503)
# What JSON Schema calls the bounds of a number, by pydantic's names.
BOUNDS = {"ge": "minimum", "le": "maximum"}
_DIGITS = re.compile(r"[0-9]{1,15}")


# --- what bodies and queries are made of ------------------------------------------------------------------------------


class Given(BaseModel):
    """What a caller gives, documented with the bounds of its numbers."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """As pydantic's, which writes the bounds of a number that one of our functions reads under names of its own."""
        written = handler(schema)
        for field in handler.resolve_ref_schema(written).get("properties", {}).values():
            for part in (field, *field.get("anyOf", ())):
                part |= {name: part.pop(own) for own, name in BOUNDS.items() if own in part}
        return written


class Body(Given):
    """A body: fields of its own, and no others; nothing is turned into what it is not."""

    model_config = ConfigDict(extra="forbid", strict=True)


class CamelBody(Body):
    """A body for the clients that write `adminResponse`."""

    model_config = ConfigDict(alias_generator=to_camel)


class Query(Given):
    """A query: fields of its own, and no others; an empty one counts as absent."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, values: dict[str, str]) -> dict[str, str]:
        return {name: value for name, value in values.items() if value}


def _whole(value: Any) -> int:
    """JSON Schema's integer: 325 and 325.0 are one, true and "325" are none."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if type(value) is not int:
        raise ValueError(N_("Must be a whole number."))
    return value


def _digits(value: Any) -> int:
    if isinstance(value, str) and not _DIGITS.fullmatch(value):
        raise ValueError(N_("Must be a whole number, in digits."))
    return int(value)


def _reference(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        number = _whole(value)
    except ValueError:
        number = 0
    if number < 1:
        raise ValueError(N_("Must be a number from 1 on, or an id."))
    return str(number)


# A whole number in a body, and one in a query.
JsonInt = Annotated[int, BeforeValidator(_whole)]
QueryInt = Annotated[int, BeforeValidator(_digits), Field(ge=0, le=10**15 - 1)]
# A number or an id in a body, as text. Of a union, pydantic would name its parts in what it says of the field.
JsonReference = Annotated[
    str,
    BeforeValidator(_reference),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string"}]}),
]


def text(least: int, most: int, description: str, **options: Any) -> Any:
    """A text field: a service checks its length, which counts once trimmed; the document shows it."""
    length: dict[str, Any] = {"minLength": least, "maxLength": most} if least else {"maxLength": most}
    return Field(description=description, json_schema_extra=length, **options)


@contextmanager
def fields(**names: str) -> Iterator[None]:
    """Within it, what a service says of its argument is said of the field that the API calls so."""
    try:
        yield
    except InvalidInput as error:
        errors = {names.get(field, field): said for field, said in error.errors.items()}
        raise InvalidInput(error.text, errors=errors, **error.values) from None


# --- answers ----------------------------------------------------------------------------------------------------------


def answers(shape: type[BaseModel], *refusals: int, status: int = 200) -> dict[Any, Any]:
    """For a route's `responses`: what success looks like, and the refusals beyond those that any call may meet."""
    return {status: shape, **dict.fromkeys(refusals, ErrorShape)}


def answer(shape: BaseModel, status: int = 200) -> Response:
    """`shape` as JSON."""
    return make_response(jsonify(shape.model_dump(mode="json")), status)


def for_any_cache(response: Response) -> Response:
    """The answer that is the same for everybody: any cache may keep it, and it is not sent again where it has not changed."""
    response.headers["Cache-Control"] = "public, max-age=300"
    response.add_etag()
    response.make_conditional(request)
    return response


# --- one blueprint a file ---------------------------------------------------------------------------------------------


def api_blueprint(name: str, tag: str, *, is_public: bool = False) -> APIBlueprint:
    """A blueprint under /api, with the frame before each of its views; those of a public one are for anybody."""
    blueprint = APIBlueprint(
        f"api_{name}",
        __name__,
        url_prefix="/api",
        abp_tags=[{"name": tag}],
        abp_security=None if is_public else [{"key": []}, {"session": []}],
        abp_responses=dict.fromkeys(REFUSALS_TO_ANYBODY if is_public else REFUSALS, ErrorShape),
    )
    # A key is no cookie, and a session's calls must name their origin: `access` sees to it.
    csrf.exempt(blueprint)
    # These count callers; what else stands under /api is counted by address, as pages are.
    limiter.exempt(blueprint)
    blueprint.before_request(api_limits.count_call)
    blueprint.before_request(_refuse_what_no_view_takes)
    return blueprint


def _refuse_what_no_view_takes() -> None:
    """Reads the body, and refuses what is given twice, or to a view that takes nothing of the kind."""
    taken = _parameters(current_app.view_functions[str(request.endpoint)])
    body = {} if request.method in ("GET", "HEAD") else request.get_json()
    unknown = [*(("body" not in taken and body) or ()), *(("query" not in taken and request.args) or ())]
    errors = {name: [_("There is no such field.")] for name in unknown}
    errors |= {name: [_("Give it once.")] for name in request.args if len(request.args.getlist(name)) > 1}
    if errors:
        raise InvalidInput(errors=errors)


@cache
def _parameters(view: Callable[..., Any]) -> frozenset[str]:
    return frozenset(signature(view).parameters)
