"""What an admin fills in to take a token out of the catalogue."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm

from app.forms.written_text import WrittenText
from app.services.catalogue_removal import LONGEST_REASON


class CatalogueRemovalForm(FlaskForm):
    """The reason."""

    reason = WrittenText(
        _l("Why?"), longest=LONGEST_REASON, description=_l("It is kept in the audit trail."), render_kw={"rows": 3}
    )
