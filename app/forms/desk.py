"""What a reviewer chooses of the desk's list, as the address of the list says it."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateField, SearchField, ValidationError
from wtforms.validators import Length, Optional

from app.services.desk_search import LONGEST

# A calendar day beyond these has no moment in every time zone.
FIRST_YEAR, LAST_YEAR = 2000, 2100


class Day(DateField):
    """A calendar day, or none."""

    def __init__(self, label: str, **kwargs: str):
        super().__init__(label, [Optional(), _is_near], **kwargs)


def _is_near(_form: FlaskForm, field: DateField) -> None:
    if field.data and not FIRST_YEAR <= field.data.year <= LAST_YEAR:
        raise ValidationError(_l("Choose a day of this century."))


class DeskForm(FlaskForm):
    """The search, and the days in which a request was submitted: both are part of it, as the reader's calendar has them."""

    class Meta:
        """It changes nothing, so it needs no token."""

        csrf = False

    q = SearchField(
        _l("Search"),
        [Length(max=LONGEST, message=_l("Please write at most %(max)d characters."))],
        description=_l(
            "A request's number; a user: name, e-mail, phone, id; or a crypto token: symbol or a word of its name."
        ),
        render_kw={"placeholder": _l("#42, a user, a token"), "autocomplete": "off", "spellcheck": "false"},
    )
    first_day = Day(_l("Submitted from"), name="from")
    last_day = Day(_l("Until"), name="until")

    def since(self, zone: ZoneInfo) -> datetime | None:
        """Where the first day begins; only after `validate()`."""
        return _midnight(self.first_day.data, zone)

    def until(self, zone: ZoneInfo) -> datetime | None:
        """Where the last day ends; only after `validate()`."""
        return _midnight(self.last_day.data + timedelta(days=1), zone) if self.last_day.data else None


def _midnight(day: date | None, zone: ZoneInfo) -> datetime | None:
    return datetime.combine(day, time.min, zone).astimezone(UTC) if day else None
