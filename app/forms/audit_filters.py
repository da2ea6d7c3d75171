"""What somebody chooses of the audit trail, as the address of the list says it."""

from datetime import datetime
from zoneinfo import ZoneInfo

from flask_babel import lazy_gettext as _l
from wtforms import SelectChoice, SelectField, StringField
from wtforms.validators import Length

from app.forms.desk import Day, DeskForm
from app.models.audit_event import Action
from app.services import audit_trail

_TOO_LONG = Length(max=audit_trail.LONGEST_SEARCH, message=_l("Please write at most %(max)d characters."))
_WRITTEN = {"autocomplete": "off", "spellcheck": "false"}


class AuditFiltersForm(DeskForm):
    """Who did it, what it was, to what, and on which days, as the reader's calendar has them."""

    q = None
    actor = StringField(
        _l("Who"), [_TOO_LONG], description=_l("E-mail, phone or id; an operator by name."), render_kw=_WRITTEN
    )
    action = SelectField(
        _l("Action"),
        choices=[SelectChoice("", _l("All")), *(SelectChoice(str(one), str(one)) for one in sorted(Action))],
        default="",
    )
    object = StringField(
        _l("What"), [_TOO_LONG], description=_l("A number such as #42, an id, or a user."), render_kw=_WRITTEN
    )
    first_day = Day(_l("From"), name="from")

    def filters(self, zone: ZoneInfo) -> audit_trail.Filters:
        """What it chooses; only after `validate()`."""
        days: dict[str, datetime | None] = {"since": self.since(zone), "until": self.until(zone)}
        action = Action(self.action.data) if self.action.data else None
        return audit_trail.filters(actor=self.actor.data or "", action=action, object=self.object.data or "", **days)
