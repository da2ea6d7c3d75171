"""What is filled in to make or change an assistant."""

import re
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, HiddenField, StringField, ValidationError
from wtforms.validators import DataRequired, InputRequired, Length, Regexp

from app.forms.written_text import WrittenText
from app.models.assistant import Assistant
from app.services.assistant_changes import (
    LARGEST_ANSWER,
    LARGEST_PRICE,
    LONGEST_MODEL,
    LONGEST_NAME,
    LONGEST_PROMPT,
    Facts,
)


class Whole(StringField):
    """A whole number from 1 to `most`, in ASCII digits."""

    def __init__(self, label: Any, *, most: int, **kwargs: Any):
        digits = {"inputmode": "numeric", "autocomplete": "off", "maxlength": len(str(most))}
        super().__init__(label, [InputRequired(_l("Enter a number.")), self._check], render_kw=digits, **kwargs)
        self.most = most

    def process_data(self, value: Any) -> None:
        """What is stored is shown as text."""
        self.data = "" if value is None else str(value)

    def process_formdata(self, valuelist: Any) -> None:
        """Spaces around it do no harm."""
        self.data = valuelist[0].strip() if valuelist else ""

    @property
    def number(self) -> int:
        """The number; only after `validate()`."""
        return int(self.data)

    @staticmethod
    def _check(_form: FlaskForm, field: Field) -> None:
        if not re.fullmatch("[0-9]{1,9}", field.data) or not 1 <= int(field.data) <= field.most:
            raise ValidationError(_l("Enter a whole number from 1 to %(most)s.", most=field.most))


def _line(label: Any, most: int, missing: Any, description: Any) -> StringField:
    return StringField(
        label,
        [DataRequired(missing), Length(max=most, message=_l("Please write at most %(max)d characters."))],
        filters=[lambda text: text and text.strip()],
        description=description,
        render_kw={"autocomplete": "off"},
    )


class AssistantForm(FlaskForm):
    """All of an assistant; the version that the form shows; and that it is meant where nobody would answer any more."""

    name = _line(_l("Name"), LONGEST_NAME, _l("Give it a name."), _l("Users see it, and choose by it."))
    model = _line(
        _l("Model"),
        LONGEST_MODEL,
        _l("Name the model."),
        _l(
            "As the server behind the chat calls it, for example gpt-4o-mini. “default” is the one that CHAT_MODEL names."
        ),
    )
    system_prompt = WrittenText(
        _l("Instructions"),
        longest=LONGEST_PROMPT,
        optional=True,
        description=_l("The model reads them before each conversation. They count as part of what is sent."),
        render_kw={"rows": 8},
    )
    max_answer_tokens = Whole(
        _l("Longest answer, in tokens"),
        most=LARGEST_ANSWER,
        description=_l("No answer is longer. So much is held while an answer is written, or what the user has left."),
    )
    price = Whole(
        _l("Price, in thousandths of a token"),
        most=LARGEST_PRICE,
        default=1_000,
        description=_l(
            "What each token that the model counts costs the user: 1000 is 1 token, 1500 is 1.5 tokens for each token. "
            "A new price holds for answers that begin later."
        ),
    )
    active = BooleanField(_l("Active: users can talk to it"), default=True)
    may_be_last = BooleanField(_l("Yes, switch the chat off for everybody"))
    version = HiddenField(default="1", filters=[str], validators=[InputRequired(), Regexp(r"\A[0-9]{1,9}\Z")])

    def __init__(self, assistant: Assistant | None = None, **kwargs: Any):
        """An empty form, or one with what `assistant` is now."""
        super().__init__(obj=assistant, **kwargs)

    @property
    def facts(self) -> Facts:
        """As services take it; only after `validate()`."""
        return Facts(
            name=self.name.data or "",
            model=self.model.data or "",
            system_prompt=self.system_prompt.data or "",
            max_answer_tokens=self.max_answer_tokens.number,
            price=self.price.number,
            active=bool(self.active.data),
        )
