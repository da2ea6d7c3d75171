"""The form that a user registers with."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField, StringField
from wtforms.validators import InputRequired, Length, Optional

from app.services.passwords import LONGEST
from app.services.users import LONGEST_EMAIL, LONGEST_NAME


class RegisterForm(FlaskForm):
    """Only what must be there; what is a good password, and which addresses are taken, is for the service to say."""

    name = StringField(_l("Name"), [Optional(), Length(max=LONGEST_NAME)], description=_l("What others call you."))
    email = EmailField(_l("E-mail"), [InputRequired(_l("Enter your e-mail address.")), Length(max=LONGEST_EMAIL)])
    password = PasswordField(
        _l("Password"),
        [InputRequired(_l("Choose a password.")), Length(max=LONGEST)],
        description=_l("At least 10 characters. A few words that only you would put together are best."),
    )
