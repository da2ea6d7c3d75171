"""Whose conversations, and which messages, an admin looks for; the address of the list says it."""

from bson import ObjectId
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SearchField, StringField, ValidationError
from wtforms.validators import Length

from app.forms.desk import Day, DeskForm
from app.models.domain_error import NotFound
from app.models.message_words import words_of
from app.models.user import User
from app.services import users
from app.services.message_reading import LONGEST_SEARCH


class OfUserForm(FlaskForm):
    """One user, or nobody in particular; `chosen` is who it is, after `validate()`."""

    class Meta(DeskForm.Meta):
        """It changes nothing, so it needs no token."""

    user = StringField(
        _l("User"),
        [Length(max=254, message=_l("Please write at most %(max)d characters."))],
        filters=[lambda text: text and text.strip()],
        description=_l("E-mail, phone or id. Empty means everybody."),
        render_kw={"autocomplete": "off", "spellcheck": "false"},
    )
    chosen: User | None = None

    def validate_user(self, field: StringField) -> None:
        """There is such a user."""
        if field.data:
            try:
                self.chosen = users.find(field.data)
            except NotFound:
                raise ValidationError(_l("There is no such user.")) from None

    @property
    def user_id(self) -> ObjectId | None:
        """Whose; None for everybody's."""
        return self.chosen.id if self.chosen else None


class MessageSearchForm(OfUserForm, DeskForm):
    """The words, whose messages, and the days on which they were said, as the reader's calendar has them."""

    q = SearchField(
        _l("Words"),
        [Length(max=LONGEST_SEARCH, message=_l("Please write at most %(max)d characters."))],
        description=_l("Whole words. A message is found where it has all of them, in any order."),
        render_kw={"autocomplete": "off", "maxlength": LONGEST_SEARCH},
    )
    first_day = Day(_l("Said from"), name="from")

    def validate_q(self, field: SearchField) -> None:
        """Where something is sought, there is a word in it."""
        if field.data and not words_of(field.data):
            raise ValidationError(_l("Write at least one word of letters or digits."))
