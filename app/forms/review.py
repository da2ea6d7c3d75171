"""What a reviewer sends with a decision."""

import re
from typing import Any, ClassVar

from flask_babel import format_decimal
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, HiddenField, SelectField, StringField, ValidationError
from wtforms.validators import InputRequired, Regexp

from app.forms.written_text import WrittenText
from app.models.domain_error import InvalidInput
from app.models.plain_text import plain_text
from app.models.token_request import TokenRequest
from app.services import canned_responses, request_kinds
from app.services.review import LONGEST_NOTE, LONGEST_RESPONSE


class SeenForm(FlaskForm):
    """Every decision carries the version of the request that the page showed, and how many steps it had taken by then."""

    # The field that the reviewer writes in.
    WORDS: ClassVar[str]

    version = HiddenField(validators=[InputRequired(), Regexp(r"\A[0-9]{1,9}\Z")])
    steps = HiddenField(validators=[Regexp(r"\A[0-9]{0,9}\Z")])

    @property
    def seen_version(self) -> int:
        """The version as a number; only after `validate()`."""
        return int(self.version.data)

    @property
    def words(self) -> str:
        """What the reviewer wrote in it."""
        return str(self[self.WORDS].data or "")

    @property
    def seen_steps(self) -> int | None:
        """How many steps the page showed; None where it does not say. Only after `validate()`."""
        return int(self.steps.data) if self.steps.data else None


class DecisionForm(SeenForm):
    """One form for every decision on an open request: its buttons say which. It belongs to a kind."""

    WORDS = "response"

    response = WrittenText(_l("Message to the user"), longest=LONGEST_RESPONSE, optional=True, render_kw={"rows": 4})
    canned = SelectField(_l("Canned response"), default="")
    granted = StringField(
        _l("How many tokens?"),
        filters=[lambda text: text and text.strip()],
        render_kw={"inputmode": "numeric", "autocomplete": "off"},
    )
    open_next = BooleanField(_l("Open the next request after deciding"))

    def __init__(self, token_request: TokenRequest, *, needs_words: bool = False, **kwargs: Any):
        """For this request; `needs_words` where the decision is nothing without a message."""
        super().__init__(**kwargs)
        self.needs_words = needs_words
        if token_request.kind in request_kinds.RESPONSE_REQUIRED:
            self.response.description = _("The user reads it, but not with spam. A rejection and a question need one.")
        else:
            self.response.description = _("The user reads it, but not with spam. A question needs one.")
        self.range = request_kinds.GRANTS.get(token_request.kind)
        offered = canned_responses.offered(token_request.kind)
        self._texts = {str(one.id): one.text for one in offered}
        none: tuple[Any, ...] = ("", _l("Write it yourself"), {})
        self.canned.choices = [none, *((str(one.id), one.title, {"data-text": one.text}) for one in offered)]

    def validate(self, extra_validators: Any = None) -> bool:
        """A canned response is what is meant where nothing was written: without scripts nothing else fills the field."""
        self.response.data = self.response.data or self._texts.get(self.canned.data, "")
        return bool(super().validate(extra_validators))

    def validate_response(self, field: Field) -> None:
        """Something that can be read, for a decision that is nothing without it."""
        if not self.needs_words:
            return
        try:
            plain_text(field.data, field.name, least=1, most=len(field.data))
        except InvalidInput:
            raise ValidationError(_("Please write something here.")) from None

    def validate_granted(self, field: Field) -> None:
        """A whole number in ASCII digits, within what the kind allows; nothing is the default."""
        if not field.data or self.range is None:
            return
        if not re.fullmatch("[0-9]{1,10}", field.data) or not self.range.least <= int(field.data) <= self.range.most:
            limits = {"least": format_decimal(self.range.least), "most": format_decimal(self.range.most)}
            raise ValidationError(_("Enter a whole number from %(least)s to %(most)s.", **limits))

    @property
    def amount(self) -> int | None:
        """How many tokens to give; None for the default, and for kinds that give no chosen amount. Only after `validate()`."""
        return int(self.granted.data) if self.range and self.granted.data else None


def _words(label: Any, *, longest: int, description: Any) -> WrittenText:
    return WrittenText(label, longest=longest, description=description, render_kw={"rows": 3})


class ReopenForm(SeenForm):
    """Why a refusal is taken back."""

    WORDS = "note"

    note = _words(_l("Why?"), longest=LONGEST_NOTE, description=_l("An internal note. The user does not see it."))


class RevokeForm(SeenForm):
    """Why an approval is taken back."""

    WORDS = "reason"

    reason = _words(_l("Why?"), longest=LONGEST_RESPONSE, description=_l("The user reads it in the notification."))


class NoteForm(FlaskForm):
    """What reviewers tell each other."""

    text = _words(_l("Add a note"), longest=LONGEST_NOTE, description=_l("Only reviewers see it, never the user."))
