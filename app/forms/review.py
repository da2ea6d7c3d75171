"""What a reviewer sends with a decision."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField
from wtforms.validators import InputRequired, Regexp

from app.forms.written_text import WrittenText
from app.services.review import LONGEST_RESPONSE


class DecisionForm(FlaskForm):
    """Every decision carries the version of the request that the page showed."""

    version = HiddenField(validators=[InputRequired(), Regexp(r"\A[0-9]{1,9}\Z")])

    @property
    def seen_version(self) -> int:
        """The version as a number; only after `validate()`."""
        return int(self.version.data)


class ApproveForm(DecisionForm):
    """A message may go with an approval."""

    response = WrittenText(
        _l("Message to the user"),
        longest=LONGEST_RESPONSE,
        optional=True,
        description=_l("The user reads it in the notification."),
        render_kw={"rows": 3},
    )


class RejectForm(DecisionForm):
    """Whoever is refused hears why."""

    response = WrittenText(
        _l("Why not?"),
        longest=LONGEST_RESPONSE,
        description=_l("The user reads it. Say what would help."),
        render_kw={"rows": 3},
    )
