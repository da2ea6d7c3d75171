"""The forms of a forgotten password."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField
from wtforms.validators import InputRequired, Length

from app.services.passwords import LONGEST
from app.services.users import LONGEST_EMAIL


class ResetPasswordForm(FlaskForm):
    """Where the link is sent."""

    email = EmailField(_l("E-mail"), [InputRequired(_l("Enter your e-mail address.")), Length(max=LONGEST_EMAIL)])


class NewPasswordForm(FlaskForm):
    """Only what must be there; what is a good password is for the service to say."""

    password = PasswordField(
        _l("New password"),
        [InputRequired(_l("Choose a password.")), Length(max=LONGEST)],
        description=_l("At least 10 characters. A few words that only you would put together are best."),
    )
