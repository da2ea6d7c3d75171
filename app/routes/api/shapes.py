"""What the JSON of answers is made of: names and types that clients rely on, whatever the code calls things."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel

from app import clock

Instant = Annotated[
    datetime,
    PlainSerializer(clock.iso, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-21T09:30:00.000Z"]}),
]
Id = Annotated[
    str, WithJsonSchema({"type": "string", "pattern": "^[0-9a-f]{24}$", "examples": ["6920258f1c9d440000a1b2c3"]})
]


def one_of(choices: type[StrEnum]) -> WithJsonSchema:
    """Documents the choices where they stand: of two enums of one name, the document would show one for both."""
    return WithJsonSchema({"type": "string", "enum": [str(choice) for choice in choices]})


class Shape(BaseModel):
    """An answer, or a part of one."""

    model_config = ConfigDict(extra="forbid", serialize_by_alias=True, validate_by_name=True)


class CamelShape(Shape):
    """For the clients that read `adminResponse`."""

    model_config = ConfigDict(alias_generator=to_camel)
