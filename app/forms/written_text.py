"""A field for what people write in their own words."""

from collections.abc import Sequence
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import TextAreaField, ValidationError
from wtforms.validators import DataRequired, Length

from app.models.domain_error import InvalidInput
from app.models.plain_text import plain_text


class WrittenText(TextAreaField):
    """Text of at most `longest` characters, trimmed; at least one character unless `optional`."""

    def __init__(self, label: Any = None, *, longest: int, optional: bool = False, **kwargs: Any):
        required = [] if optional else [DataRequired(_l("Please write something here."))]
        length = Length(max=longest, message=_l("Please write at most %(max)d characters."))
        super().__init__(label, [*required, length, _only_text], **kwargs)

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        """Browsers send a line end as two characters, but count it as one against `maxlength`; so does this."""
        given = valuelist[0] if valuelist else ""
        self.data = given.replace("\r\n", "\n").strip()


def _only_text(_form: object, field: WrittenText) -> None:
    try:
        plain_text(field.data, field.name, most=len(field.data))
    except InvalidInput:
        raise ValidationError(_l("Please remove the characters that are not text.")) from None
