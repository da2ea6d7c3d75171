"""What a user fills in to make an API key."""

from datetime import datetime, timedelta
from uuid import uuid4

from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext
from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectChoice, SelectField, SelectMultipleField, StringField
from wtforms.validators import DataRequired, InputRequired, Length

from app import clock
from app.models.user import User
from app.services import api_keys

NEVER = "never"
# How long a key lives, in days.
LIFETIMES = {"30": _l("30 days"), "90": _l("90 days"), "365": _l("365 days"), NEVER: _l("Never")}


class ApiKeyForm(FlaskForm):
    """The name, what it may do, until when; and the form's own key, so that the same form sent twice makes one key."""

    name = StringField(
        lazy_pgettext("of a thing", "Name"),
        [
            DataRequired(_l("Give it a name.")),
            Length(max=api_keys.LONGEST_NAME, message=_l("Please write at most %(max)d characters.")),
        ],
        filters=[lambda text: text and text.strip()],
        description=_l("Which program will use it? The name stands beside everything that is done with the key."),
    )
    scopes = SelectMultipleField(
        _l("What may it do?"), [DataRequired(_l("Choose at least one."))], choices=[], validate_choice=False
    )
    lifetime = SelectField(
        _l("When does it expire?"),
        [InputRequired()],
        choices=[SelectChoice(days, text) for days, text in LIFETIMES.items()],
        default="90",
    )
    key = HiddenField(validators=[DataRequired(), Length(max=64)], default=lambda: uuid4().hex)

    @classmethod
    def of(cls, user: User) -> "ApiKeyForm":
        """With the scopes that this user may put on a key."""
        form = cls()
        form.scopes.choices = offered = api_keys.offered(user)
        if len(offered) == 1 and not form.is_submitted():
            form.scopes.data = offered
        return form

    @property
    def expires_at(self) -> datetime | None:
        """When the key ends, counted from now; only after `validate()`."""
        return clock.now() + timedelta(days=int(self.lifetime.data)) if self.lifetime.data != NEVER else None
