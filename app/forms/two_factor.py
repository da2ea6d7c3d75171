"""The forms of two-factor sign-in."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import InputRequired, Length

from app.services.passwords import LONGEST

# A recovery code, with room for spaces.
LONGEST_CODE = 50
# Ten codes and a sealed secret, signed.
LONGEST_PROOF = 2_000


def _code(label: object, description: object = "") -> StringField:
    return StringField(label, [InputRequired(_l("Enter the code.")), Length(max=LONGEST_CODE)], description=description)


class CodeForm(FlaskForm):
    """A code of the authenticator app, or for recovery."""

    code = _code(_l("Code"), _l("The six digits that your authenticator app shows now, or a recovery code."))


class AppForm(FlaskForm):
    """The first code of an app; `setup` is the signed secret that the page has shown."""

    code = _code(_l("Code"), _l("The six digits that the app shows now."))
    setup = HiddenField()


class SetupForm(AppForm):
    """The first app, and the password."""

    password = PasswordField(_l("Your password"), [InputRequired(_l("Enter your password.")), Length(max=LONGEST)])


class KeptForm(FlaskForm):
    """The recovery codes that the page shows are kept; `proof` is what it was shown for."""

    proof = HiddenField(validators=[InputRequired(), Length(max=LONGEST_PROOF)])


class ReplaceAppForm(AppForm):
    """The first code of another app, and one of the app so far."""

    present = _code(_l("Code of the app so far"), _l("Or a recovery code."))
