"""What the owner of a request sends with a change of it."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField
from wtforms.validators import InputRequired, Regexp

from app.forms.written_text import WrittenText
from app.services.review import LONGEST_NOTE


class SeenForm(FlaskForm):
    """The version of the request that the page showed: a change is one of that version only."""

    version = HiddenField(validators=[InputRequired(), Regexp(r"\A[0-9]{1,9}\Z")])

    @property
    def seen_version(self) -> int:
        """The version as a number; only after `validate()`."""
        return int(self.version.data)


class AnswerForm(SeenForm):
    """The answer to a reviewer's question."""

    answer = WrittenText(_l("Your answer"), longest=LONGEST_NOTE, render_kw={"rows": 5})
