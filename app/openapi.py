"""The app's class: a Flask app that reads JSON strictly, checks it against models, and documents its API as OpenAPI 3.1."""

import hashlib
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, NoReturn

from flask import Request, abort
from flask.sessions import SecureCookieSessionInterface
from flask_babel import gettext as _
from flask_openapi import OpenAPI
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from app import strict_json
from app.models.domain_error import N_, InvalidInput, InvalidJson

DESCRIPTION = """Metering, requests for more tokens and their review, for the product that Tokendesk stands beside.

Call with an API key (`Authorization: Bearer tdk_…`), or from this site's own pages with the session; then every call that
writes needs this site's `Origin`. Errors have one shape (`ErrorShape`); `code` is for programs and never changes."""
INFO = {
    "title": "Tokendesk",
    "version": "1",
    "description": DESCRIPTION,
    "license": {"name": "MIT", "identifier": "MIT"},
}
SECURITY_SCHEMES: dict[str, Any] = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, `tdk_…`, with the scope that the call needs.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "description": "The session of this site's pages.",
    },
}
SECONDS_TO_WAIT = {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}
JSON = "application/json"


class ErrorShape(BaseModel):
    """What every refusal looks like."""

    model_config = ConfigDict(alias_generator=to_camel)

    success: bool = Field(examples=[False])
    status_code: int = Field(examples=[400])
    message: str = Field(description="For people: English, unless Accept-Language asks for Russian.")
    error: str = Field(description="The same as `message`.")
    code: str = Field(description="For programs; it never changes.", examples=["invalid_input"])
    errors: dict[str, list[str]] = Field(description="What is wrong with the input, by field.")
    details: dict[str, Any] | None = Field(
        None, description="What the message speaks of, as values: who, when, how many."
    )


class StrictRequest(Request):
    """A request whose JSON is read in one way only, whoever asks for it, and however."""

    _body: dict[str, Any] | None = None

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> dict[str, Any]:
        """The body, an object; an absent one is an empty object. Raises `InvalidJson`, or answers 413 or 415."""
        if self._body is None:
            self._body = self._read()
        return self._body

    def _read(self) -> dict[str, Any]:
        data = self.get_data()
        if not data:
            return {}
        if self.content_length is None and len(data) == self.max_content_length:
            # Of a body whose length is not told, werkzeug reads so much and no more, and says nothing of the rest.
            abort(413)
        charset = self.mimetype_params.get("charset", "utf-8").lower()
        if self.mimetype != JSON or charset != "utf-8":
            abort(415, _("Send JSON in UTF-8, with Content-Type: application/json."))
        value = strict_json.parse(data)
        if not isinstance(value, dict):
            raise InvalidJson(N_("The body must be a JSON object."))
        return value


class Sessions(SecureCookieSessionInterface):
    """Flask's signed cookies, by SHA-256 instead of SHA-1."""

    digest_method = staticmethod(hashlib.sha256)


class App(OpenAPI):
    """The Flask app. Views of ordinary blueprints are pages and stand in no document."""

    request_class = StrictRequest
    session_interface = Sessions()

    def __init__(self, import_name: str, **options: Any) -> None:
        """As Flask's; the page that reads the document is ours, since the library's has inline script."""
        super().__init__(
            import_name,
            info=INFO,
            security_schemes=SECURITY_SCHEMES,
            validation_error_status=400,
            validation_error_model=ErrorShape,
            validation_error_callback=_refuse,
            doc_ui=False,
            **options,
        )
        self.openapi_version = "3.1.0"
        # A command that prints the document; /api/openapi.json does.
        del self.cli.commands["openapi"]
        # Objects are written in the order in which we wrote them.
        self.json.sort_keys = False  # type: ignore[attr-defined]

    def generate_spec_json(self) -> None:
        """As the library's, completed with what its decorators cannot say."""
        super().generate_spec_json()  # type: ignore[no-untyped-call]
        components = self.spec_json["components"]
        components["securitySchemes"]["session"]["name"] = self.config["SESSION_COOKIE_NAME"]
        schemas = components["schemas"]
        for operation in (one for path in self.spec_json["paths"].values() for one in path.values()):
            responses = operation["responses"]
            if body := operation.get("requestBody"):
                name = body["content"][JSON]["schema"]["$ref"].rpartition("/")[2]
                body["required"] = all(one.get("required") for one in alternatives(schemas, name))
                for refusal in (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE):
                    responses[str(refusal.value)] = {**responses["400"], "description": refusal.phrase}
            for status in ("429", "503"):
                responses[status]["headers"] = {"Retry-After": SECONDS_TO_WAIT}
            operation["responses"] = dict(sorted(responses.items()))


def alternatives(schemas: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """What a body of this name may look like: the schema itself, or those of which it may be any."""
    listed = [one["$ref"].rpartition("/")[2] for one in schemas[name].get("anyOf", ())]
    return [schemas[one] for one in listed or [name]]


def _refuse(error: ValidationError) -> NoReturn:
    """What a model refuses is invalid input as any other."""
    errors: dict[str, list[str]] = {}
    for detail in error.errors(include_url=False):
        errors.setdefault(".".join(map(str, detail["loc"])) or "body", []).append(_sentence(detail))
    raise InvalidInput(errors=errors)


# What pydantic says in words for programmers.
SENTENCES: dict[str, Callable[[dict[str, Any]], str]] = {
    "missing": lambda _context: _("This field is required."),
    "extra_forbidden": lambda _context: _("There is no such field."),
    "string_type": lambda _context: _("Must be text."),
    "bool_type": lambda _context: _("Must be true or false."),
    "dict_type": lambda _context: _("Must be an object."),
    "list_type": lambda _context: _("Must be a list."),
    "model_type": lambda _context: _("Must be an object."),
    "enum": lambda context: _("Must be one of: %(known)s.", known=_known(context)),
    "literal_error": lambda context: _("Must be one of: %(known)s.", known=_known(context)),
    "greater_than_equal": lambda context: _("Must be at least %(least)s.", least=context["ge"]),
    "less_than_equal": lambda context: _("Must be at most %(most)s.", most=context["le"]),
    # Ours: a validator has said it.
    "value_error": lambda context: _(str(context["error"])),
}


def _sentence(detail: ErrorDetails) -> str:
    say = SENTENCES.get(detail["type"])
    return say(detail.get("ctx", {})) if say else _("This value cannot be used here.")


def _known(context: dict[str, Any]) -> str:
    """What pydantic lists as "'a', 'b' or 'c'", in no language."""
    return ", ".join(re.findall("'([^']*)'", context["expected"]))
