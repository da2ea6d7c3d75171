"""A field for pairs that people write as lines: a name, a colon and a text."""

from collections.abc import Mapping, Sequence

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import TextAreaField, ValidationError

# More than any pairs that are taken can have.
LONGEST = 12_000


class Facts(TextAreaField):
    """`data` is a dict of texts by name; what was written stays as it was where it is refused."""

    written = ""

    def process_data(self, value: Mapping[str, str] | None) -> None:
        """Takes the pairs that an object has, each as one line, though a program may have given more."""
        self.data = dict(value or {})
        self.written = "\n".join(f"{name}: {' '.join(text.splitlines())}" for name, text in self.data.items())

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        """Takes the lines that were sent; which of them are no pairs, `pre_validate` says."""
        self.written = valuelist[0].replace("\r\n", "\n") if valuelist else ""
        pairs = (line.partition(":") for line in self.written.splitlines() if line.strip())
        self.data = {name.strip(): text.strip() for name, _colon, text in pairs}

    def pre_validate(self, form: object) -> None:
        """Each line has a name of its own; a bare address of a page has none."""
        if len(self.written) > LONGEST:
            raise ValidationError(_l("Please write less."))
        lines = [line.strip() for line in self.written.splitlines() if line.strip()]
        for line in lines:
            name, colon, _text = line.partition(":")
            if not colon or not name.strip() or name.strip().lower() in ("http", "https"):
                raise ValidationError(
                    _("Begin each line with a name and a colon, unlike this one: %(line)s", line=line[:80])
                )
        if len(self.data) < len(lines):
            raise ValidationError(_l("Use each name once."))

    def _value(self) -> str:
        return self.written
