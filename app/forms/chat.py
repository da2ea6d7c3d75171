"""What a user says in the chat."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField

from app.forms.form_key import new_key
from app.forms.written_text import WrittenText
from app.services.chat import LONGEST_MESSAGE


class MessageForm(FlaskForm):
    """The message and its idempotency key."""

    text = WrittenText(_l("Your message"), longest=LONGEST_MESSAGE, render_kw={"rows": 3})
    key = HiddenField(default=new_key)
