"""JSON as the API takes it: one reading of every body, with no room for two meanings.

Refused are: other than UTF-8, NaN and Infinity, numbers that no double holds, a name twice in one object, half a surrogate
pair, NUL in a text, and nesting deeper than 20, each with a sentence that says so.
"""

import json
from collections import Counter
from math import isinf
from typing import Any, NoReturn

from app.models.domain_error import N_, InvalidJson

DEEPEST = 20
# Of a name that stands twice, only so much is repeated in the answer.
LONGEST_SHOWN = 50


def parse(body: bytes) -> Any:
    """The value that `body` holds; raises `InvalidJson`."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidJson(N_("The body is not UTF-8.")) from None
    try:
        value = json.loads(text, object_pairs_hook=_no_name_twice, parse_constant=_no_constant)
    except RecursionError:
        raise _too_deep() from None
    except json.JSONDecodeError as error:
        text = N_("The body is not JSON: see line %(line)s, column %(column)s.")
        raise InvalidJson(text, line=error.lineno, column=error.colno) from None
    except ValueError:
        # Python reads no integers of more than 4,300 digits.
        raise _too_large() from None
    _check(value, depth=0)
    return value


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        ((twice, _times),) = Counter(name for name, _value in pairs).most_common(1)
        raise InvalidJson(N_("The name %(name)s stands twice in one object."), name=repr(twice[:LONGEST_SHOWN]))
    return value


def _no_constant(name: str) -> NoReturn:
    raise InvalidJson(N_("%(constant)s is not JSON."), constant=name)


def _too_deep() -> InvalidJson:
    return InvalidJson(N_("The body is nested deeper than %(levels)s levels."), levels=DEEPEST)


def _too_large() -> InvalidJson:
    return InvalidJson(N_("A number in the body is too large."))


def _check(value: Any, depth: int) -> None:
    """`depth` counts the objects and lists around `value`."""
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, float):
        if isinf(value):
            raise _too_large()
    elif isinstance(value, dict | list):
        if depth == DEEPEST:
            raise _too_deep()
        for inner in value if isinstance(value, list) else (*value.keys(), *value.values()):
            _check(inner, depth + 1)


def _check_text(text: str) -> None:
    if "\0" in text:
        raise InvalidJson(N_("A text in the body holds a NUL character."))
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidJson(N_("A text in the body holds half a surrogate pair."))
