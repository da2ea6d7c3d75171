"""What a reviewer sends to decide many requests at once."""

import re
from collections.abc import Sequence
from typing import Any

from bson import ObjectId
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import Field, HiddenField, SelectChoice, SelectField, StringField, ValidationError
from wtforms.validators import Regexp

from app.forms.written_text import WrittenText
from app.models.review_batch import BatchAction
from app.services import canned_responses
from app.services.review import LONGEST_RESPONSE
from app.services.review_batches import Selected

# More than a page of the list shows; the command line takes more.
MOST_SELECTED = 200
_SELECTED = re.compile(r"([0-9]{1,12}):([0-9]{1,9})")


class SelectedRequests(Field):
    """Any number of `<number>:<version>`, as the list's boxes have them."""

    data: list[Selected]

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        """Each value as a `Selected`."""
        found = [_SELECTED.fullmatch(value) for value in valuelist]
        if None in found:
            raise ValueError(_l("That is no request. Please select again."))
        self.data = [Selected(int(one[1]), int(one[2])) for one in found if one]

    def pre_validate(self, _form: FlaskForm) -> None:
        """At least one, and no more than anybody can look over."""
        if self.process_errors:
            return
        if not self.data:
            raise ValidationError(_l("Select at least one request."))
        if len(self.data) > MOST_SELECTED:
            raise ValidationError(_l("Select at most 200 requests at once."))


class BatchForm(FlaskForm):
    """Which requests, what to do with them, and the batch's own id, so that the same form sent twice is one batch."""

    selected = SelectedRequests(default=list)
    action = SelectField(
        _l("What to do"),
        choices=[
            SelectChoice(BatchAction.APPROVE.value, _l("Approve")),
            SelectChoice(BatchAction.REJECT.value, _l("Reject")),
            SelectChoice(BatchAction.SPAM.value, _l("Mark as spam")),
            SelectChoice(BatchAction.DELETE.value, _l("Delete")),
        ],
    )
    canned = SelectField(_l("Canned response"), default="")
    response = WrittenText(_l("Message to the users"), longest=LONGEST_RESPONSE, optional=True, render_kw={"rows": 3})
    granted = StringField(
        _l("Tokens, where the kind gives a number of them"),
        [Regexp(r"\A([1-9][0-9]{0,9})?\Z", message=_l("Enter a whole number."))],
        filters=[lambda text: (text or "").strip()],
        render_kw={"inputmode": "numeric", "autocomplete": "off"},
    )
    batch_id = HiddenField(validators=[Regexp(r"\A([0-9a-f]{24})?\Z")])

    def __init__(self, **kwargs: Any):
        """With the canned responses that there are."""
        super().__init__(**kwargs)
        offered = canned_responses.offered()
        self._texts = {str(one.id): one.text for one in offered}
        self.canned.choices = [
            SelectChoice("", _l("Write it yourself")),
            *(SelectChoice(str(one.id), one.title, {"data-text": one.text}) for one in offered),
        ]

    def validate(self, extra_validators: Any = None) -> bool:
        """A canned response is what is meant where nothing was written: without scripts nothing else fills the field."""
        self.response.data = self.response.data or self._texts.get(self.canned.data, "")
        return bool(super().validate(extra_validators))

    @property
    def wishes(self) -> dict[str, Any]:
        """What services want to know of it; only after `validate()`."""
        return {
            "selected": self.selected.data,
            "action": BatchAction(self.action.data),
            "response": self.response.data,
            "granted": int(self.granted.data) if self.granted.data else None,
        }

    @property
    def id(self) -> ObjectId | None:
        """The batch's own id; only after `validate()`."""
        return ObjectId(self.batch_id.data) if self.batch_id.data else None
