"""The forms of what users set for themselves."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField, SelectChoice, SelectField, StringField
from wtforms.validators import InputRequired, Length, Optional

from app.models import time_zones
from app.models.language import LANGUAGES
from app.models.user import User
from app.services.passwords import LONGEST
from app.services.users import LONGEST_EMAIL, LONGEST_NAME


def _own_password(label: object) -> PasswordField:
    return PasswordField(label, [InputRequired(_l("Enter your password.")), Length(max=LONGEST)])


class ProfileForm(FlaskForm):
    """How others see the user, and how the user sees texts and times."""

    name = StringField(
        _l("Name"),
        [Optional(), Length(max=LONGEST_NAME)],
        description=_l("What others call you. Without one it is what stands before the @ of your address."),
    )
    locale = SelectField(_l("Language"), choices=[SelectChoice(*one) for one in LANGUAGES.items()])
    time_zone = SelectField(_l("Time zone"), description=_l("All times are shown in it."))

    @classmethod
    def of(cls, user: User) -> "ProfileForm":
        """With what is set now."""
        form = cls(obj=user)
        names = time_zones.names()
        form.time_zone.choices = list(names if user.time_zone in names else (user.time_zone, *names))
        return form


class PasswordForm(FlaskForm):
    """The password that is, and the one that is to be."""

    current = _own_password(_l("Your password now"))
    password = PasswordField(
        _l("New password"),
        [InputRequired(_l("Choose a password.")), Length(max=LONGEST)],
        description=_l("At least 10 characters. A few words that only you would put together are best."),
    )


class EmailForm(FlaskForm):
    """Another address, and the password."""

    email = EmailField(_l("New address"), [InputRequired(_l("Enter an e-mail address.")), Length(max=LONGEST_EMAIL)])
    password = _own_password(_l("Your password"))


class DeletionForm(FlaskForm):
    """The password, by which the user shows that they mean it."""

    proof = _own_password(_l("Your password"))


class DeletionWithoutPasswordForm(FlaskForm):
    """The same for whoever has no password: the address, typed."""

    proof = EmailField(
        _l("Your e-mail address"), [InputRequired(_l("Enter your e-mail address.")), Length(max=LONGEST_EMAIL)]
    )
