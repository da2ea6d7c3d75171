"""What is filled in to make or change a canned response."""

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext
from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectChoice, SelectMultipleField, StringField
from wtforms.validators import DataRequired, InputRequired, Length, Regexp

from app.forms.written_text import WrittenText
from app.models.canned_response import CannedResponse
from app.services import request_kinds
from app.services.canned_responses import LONGEST_TITLE
from app.services.review import LONGEST_RESPONSE


class CannedResponseForm(FlaskForm):
    """The name that reviewers choose it by, its words, and for which kinds of request; the version that the form shows."""

    title = StringField(
        lazy_pgettext("of a thing", "Name"),
        [
            DataRequired(_l("Give it a name.")),
            Length(max=LONGEST_TITLE, message=_l("Please write at most %(max)d characters.")),
        ],
        filters=[lambda text: text and text.strip()],
        description=_l("Reviewers choose it by this. Users do not see it."),
    )
    text = WrittenText(
        _l("Text"),
        longest=LONGEST_RESPONSE,
        description=_l("The user reads it. Reviewers can change it before they send it."),
        render_kw={"rows": 5},
    )
    kinds = SelectMultipleField(_l("For which requests? None means all."), choices=[])
    version = HiddenField(default="1", filters=[str], validators=[InputRequired(), Regexp(r"\A[0-9]{1,9}\Z")])

    def __init__(self, response: CannedResponse | None = None, **kwargs: Any):
        """An empty form, or one with what `response` says now."""
        super().__init__(obj=response, **kwargs)
        self.kinds.choices = [SelectChoice(kind, kind) for kind in request_kinds.ON_APPROVAL]

    @property
    def facts(self) -> dict[str, Any]:
        """As services take it; only after `validate()`."""
        return {"title": self.title.data, "text": self.text.data, "kinds": self.kinds.data}
