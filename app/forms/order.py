"""What is filled in for an order: to place it, and to take a step with it."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField
from wtforms.validators import InputRequired, Regexp

from app.forms.form_key import new_key
from app.forms.written_text import WrittenText
from app.services.order_steps import LONGEST_NOTE


class BuyForm(FlaskForm):
    """The form's own key: sent twice, it is one order."""

    key = HiddenField(validators=[InputRequired(), Regexp(r"\A[0-9a-f]{32}\Z")], default=new_key)


class NoteForm(FlaskForm):
    """What an admin notes with a step."""

    note = WrittenText(
        _l("Note"),
        longest=LONGEST_NOTE,
        optional=True,
        description=_l("For other admins, such as the number of the bank transfer. The user does not see it."),
        render_kw={"rows": 2},
    )


class RefundForm(FlaskForm):
    """Why money is given back."""

    reason = WrittenText(
        _l("Why?"),
        longest=LONGEST_NOTE,
        description=_l("For other admins. The user does not see it."),
        render_kw={"rows": 3},
    )
