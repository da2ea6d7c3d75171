"""What a user fills in to ask for something."""

import re
from contextlib import suppress
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext
from flask_wtf import FlaskForm
from wtforms import SelectChoice, SelectField, StringField, ValidationError
from wtforms.validators import InputRequired, Length

from app.forms.facts import Facts
from app.forms.written_text import WrittenText
from app.models.blockchain import BLOCKCHAINS, BadAddress, canonical_address
from app.services import listing_requests
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


class ListingRequestForm(FlaskForm):
    """What a token is and where its contract is; whether that is right, the service says."""

    token_symbol = StringField(
        _l("Symbol"),
        [InputRequired(_l("Enter the symbol.")), Length(max=listing_requests.LONGEST_SYMBOL)],
        filters=[lambda text: text.strip() if text else None],
        description=_l("As wallets show it, such as USDC."),
        render_kw={"maxlength": listing_requests.LONGEST_SYMBOL, "autocomplete": "off", "spellcheck": "false"},
    )
    token_name = StringField(
        lazy_pgettext("of a thing", "Name"),
        [InputRequired(_l("Enter the name.")), Length(max=listing_requests.LONGEST_NAME)],
        filters=[lambda text: text.strip() if text else None],
        description=_l("In full, such as USD Coin."),
        render_kw={"maxlength": listing_requests.LONGEST_NAME, "autocomplete": "off"},
    )
    blockchain = SelectField(
        _l("Blockchain"),
        [InputRequired(_l("Choose the blockchain."))],
        choices=[
            SelectChoice("", _l("Choose one")),
            *(SelectChoice(one.key, one.label) for one in BLOCKCHAINS.values()),
        ],
    )
    contract_address = StringField(
        _l("Contract address"),
        [Length(max=listing_requests.LONGEST_ADDRESS)],
        filters=[lambda text: text.strip() if text else None],
        description=_l(
            "Copy it from the project’s own site or from an explorer. With it, the request is decided sooner."
        ),
        render_kw={
            "maxlength": listing_requests.LONGEST_ADDRESS,
            "autocomplete": "off",
            "autocapitalize": "off",
            "spellcheck": "false",
        },
    )
    decimals = StringField(
        _l("Decimals"),
        filters=[lambda text: str(text).strip() if text not in (None, "") else None],
        description=_l("How many digits the token has after the point: 18 for most on Ethereum, 6 for USDC."),
        render_kw={"inputmode": "numeric", "maxlength": 3, "autocomplete": "off"},
    )
    reason = WrittenText(
        _l("Why should it be listed?"),
        longest=listing_requests.LONGEST_REASON,
        optional=True,
        render_kw={"rows": 4},
    )
    additional_info = Facts(
        _l("What else is there to know?"),
        description=_l("A line for each, such as “website: https://example.com”. At most 20."),
        render_kw={"rows": 3, "spellcheck": "false"},
    )

    def validate_decimals(self, field: StringField) -> None:
        """A whole number in ASCII digits, or nothing."""
        if field.data is not None and not re.fullmatch("[0-9]{1,3}", field.data):
            raise ValidationError(_l("Enter a whole number from 0 to 255."))

    def arguments(self) -> dict[str, Any]:
        """What `listing_requests.submit` takes."""
        given = {name: field.data for name, field in self._fields.items() if name != "csrf_token"}
        with suppress(KeyError, BadAddress):
            # As it is stored: the same request sent twice is known by saying the same.
            given["contract_address"] = canonical_address(self.blockchain.data, self.contract_address.data or "")
        decimals = int(self.decimals.data) if self.decimals.data else None
        return {**given, "decimals": decimals, "reason": self.reason.data or None}


FORMS: dict[str, type[FlaskForm]] = {"quota": QuotaRequestForm, "beta": BetaRequestForm, "listing": ListingRequestForm}
