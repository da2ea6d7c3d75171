"""What is filled in to make or change a webhook."""

from typing import Any
from uuid import uuid4

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, SelectChoice, SelectMultipleField, URLField
from wtforms.validators import DataRequired, InputRequired, Length, Regexp

from app.models.webhook import Event, Webhook
from app.services.webhooks import LONGEST_URL


class WebhookForm(FlaskForm):
    """Its address and what it hears of; the version that the form shows, and a new one's own key."""

    url = URLField(
        _l("URL"),
        [
            DataRequired(_l("Where should we send it?")),
            Length(max=LONGEST_URL, message=_l("Please write at most %(max)d characters.")),
        ],
        filters=[lambda text: text and text.strip()],
        description=_l("We send a POST there. It has to be on the public internet, and to answer within 5 seconds."),
    )
    events = SelectMultipleField(
        _l("What should it hear of?"), [DataRequired(_l("Choose at least one."))], choices=[], validate_choice=False
    )
    active = BooleanField(_l("Switched on"), default=True)
    version = HiddenField(default="1", filters=[str], validators=[InputRequired(), Regexp(r"\A[0-9]{1,9}\Z")])
    key = HiddenField(validators=[DataRequired(), Length(max=64)], default=lambda: uuid4().hex)

    def __init__(self, webhook: Webhook | None = None, **kwargs: Any):
        """An empty form, or one with what `webhook` is now."""
        super().__init__(obj=webhook, **kwargs)
        self.events.choices = [SelectChoice(event.value, event.value) for event in Event]
