"""What can be bought: so many tokens at such a price, as the settings say it now. An order carries its own copy."""

from dataclasses import dataclass

from app.models import money


@dataclass(frozen=True, slots=True)
class Package:
    """A number of tokens and its price, in minor units of the currency."""

    name: str
    tokens: int
    price_minor: int
    currency: str

    @property
    def amount(self) -> int:
        """The price in whole units."""
        return money.whole(self.price_minor, self.currency)
