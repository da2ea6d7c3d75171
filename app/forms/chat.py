"""What a user says in the chat, how a conversation is called, and what is looked for."""

from collections.abc import Iterable
from typing import Any, Self

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectField, StringField
from wtforms.validators import DataRequired, Length, Optional

from app.forms.form_key import new_key
from app.forms.written_text import WrittenText
from app.models.assistant import Assistant
from app.models.conversation import LONGEST_TITLE, Conversation
from app.services.chat import LONGEST_MESSAGE


class MessageForm(FlaskForm):
    """The message, its idempotency key, and for a new conversation who is to answer."""

    text = WrittenText(_l("Your message"), longest=LONGEST_MESSAGE, render_kw={"rows": 3})
    key = HiddenField(default=new_key)
    # Whether there is such an assistant is for the service to say.
    assistant = SelectField(_l("Who is to answer?"), coerce=str, validate_choice=False, validators=[Optional()])

    def offer(self, assistants: Iterable[Assistant]) -> None:
        """Lets the user choose one of these."""
        self.assistant.choices = [(str(one.number), one.name) for one in assistants]

    def message(self) -> dict[str, Any]:
        """What `chat.begin` and `chat.send` take."""
        number = self.assistant.data or ""
        chosen = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else None
        return {"text": self.text.data, "key": self.key.data, "assistant": chosen}


class TitleForm(FlaskForm):
    """Another title for a conversation; `TitleForm.of` shows the one that it has."""

    title = StringField(
        _l("Title"),
        validators=[
            DataRequired(_l("Please write something here.")),
            Length(max=LONGEST_TITLE, message=_l("Please write at most %(max)d characters.")),
        ],
    )

    @classmethod
    def of(cls, conversation: Conversation) -> Self:
        """The form as it is offered."""
        return cls(formdata=None, data={"title": conversation.title})
