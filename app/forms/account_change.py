"""What an admin fills in to reset somebody's account or to add tokens to it."""

import re

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField, ValidationError
from wtforms.validators import InputRequired, Regexp

from app.forms.form_key import new_key
from app.forms.written_text import WrittenText
from app.services.token_accounts import LARGEST_BONUS, LONGEST_DESCRIPTION


class ResetForm(FlaskForm):
    """The reason, and the form's own key."""

    reason = WrittenText(
        _l("Why?"),
        longest=LONGEST_DESCRIPTION,
        description=_l("The user reads it in the history of the account."),
        render_kw={"rows": 3},
    )
    key = HiddenField(validators=[InputRequired(), Regexp(r"\A[0-9a-f]{32}\Z")], default=new_key)


class BonusForm(ResetForm):
    """The same with an amount, and the step: a preview goes on to be done, or back to be edited."""

    amount = StringField(
        _l("Tokens"),
        [InputRequired(_l("Enter a number of tokens."))],
        filters=[lambda text: text and text.strip()],
        description=_l("From 1 to 1,000,000."),
        render_kw={"inputmode": "numeric", "autocomplete": "off", "maxlength": 7},
    )
    step = HiddenField()

    def validate_amount(self, field: StringField) -> None:
        """A whole number in ASCII digits."""
        if not re.fullmatch("[0-9]{1,7}", field.data) or not 1 <= int(field.data) <= LARGEST_BONUS:
            raise ValidationError(_l("Enter a whole number from 1 to 1,000,000."))

    @property
    def tokens(self) -> int:
        """The amount as a number; only after `validate()`."""
        return int(self.amount.data)
