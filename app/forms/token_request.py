"""What a user fills in to ask for something."""

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm

from app.forms.written_text import WrittenText
from app.services.quota_requests import LONGEST_REASON


class QuotaRequestForm(FlaskForm):
    """The reason, which is all that a reviewer needs besides the usage that the app adds."""

    reason = WrittenText(
        _l("What do you need the tokens for?"),
        longest=LONGEST_REASON,
        description=_l("A sentence or two is enough. The people who decide also see how much you have used."),
        render_kw={"rows": 6},
    )

    def arguments(self) -> dict[str, Any]:
        """What `quota_requests.submit` takes."""
        return {"reason": self.reason.data}


class BetaRequestForm(FlaskForm):
    """Nothing to fill in: who asks is known."""

    def arguments(self) -> dict[str, Any]:
        """What `beta_requests.submit` takes."""
        return {}


FORMS: dict[str, type[FlaskForm]] = {"quota": QuotaRequestForm, "beta": BetaRequestForm}
