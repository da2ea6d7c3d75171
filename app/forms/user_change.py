"""What an admin fills in to change a user: tier, phone number, permissions."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectField, SelectMultipleField, TelField, ValidationError
from wtforms.validators import InputRequired, Length, Optional

from app.forms.written_text import WrittenText
from app.models.api_key import KEY_ONLY
from app.models.permission import Permission
from app.models.user import User
from app.services import user_list
from app.services.user_changes import LONGEST_REASON

# What people may hold; the rest goes on keys.
OFFERED = tuple(permission.value for permission in Permission if permission not in KEY_ONLY)


class TierForm(FlaskForm):
    """The tier, and why."""

    tier = SelectField(_l("Tier"), [InputRequired(_l("Choose a tier."))], validate_choice=False)
    reason = WrittenText(
        _l("Why?"),
        longest=LONGEST_REASON,
        optional=True,
        description=_l("It is kept in the audit trail."),
        render_kw={"rows": 2},
    )

    def with_tiers(self) -> "TierForm":
        """The same form, with the tiers that there are to choose from."""
        self.tier.choices = user_list.tiers()
        return self


class PhoneForm(FlaskForm):
    """The number, which counts as confirmed; nothing removes it."""

    phone = TelField(
        _l("Phone number"),
        [Optional(), Length(max=32)],
        description=_l(
            "With its country code. What you set here counts as confirmed; an empty field removes the number."
        ),
        render_kw={"autocomplete": "off"},
    )


class PermissionsForm(FlaskForm):
    """Exactly these permissions. `seen` is what the page showed as held, `confirmed` that some of it may go."""

    permissions = SelectMultipleField(_l("Permissions"), choices=OFFERED, validate_choice=False)
    seen = HiddenField()
    confirmed = HiddenField()

    def validate_seen(self, field: HiddenField) -> None:
        """It is there: a form without it is cut off, and does not say that nothing is to be held."""
        if not field.raw_data:
            raise ValidationError(_l("This form came in incomplete. Please choose again."))

    def chosen(self, user: User) -> list[str]:
        """What was chosen, and what the user holds that this form does not offer."""
        return [*self.permissions.data, *(held for held in user.permissions if held in KEY_ONLY)]
