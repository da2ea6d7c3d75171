"""The form that a user signs in with."""

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField
from wtforms.validators import InputRequired, Length

from app.services.passwords import LONGEST
from app.services.users import LONGEST_EMAIL


class SignInForm(FlaskForm):
    """Only what must be there: whether it belongs to somebody is for the service to say, always in the same words."""

    email = EmailField(_("E-mail"), [InputRequired(_("Enter your e-mail address.")), Length(max=LONGEST_EMAIL)])
    password = PasswordField(_("Password"), [InputRequired(_("Enter your password.")), Length(max=LONGEST)])
