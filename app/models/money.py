"""Amounts of money: counted in minor units (cents), shown and agreed on in whole ones."""

from decimal import Decimal

# How many digits a currency has after the point where its minor units are counted, 2 where it does not stand here:
# https://docs.stripe.com/currencies#zero-decimal and #three-decimal.
_DIGITS = {
    **dict.fromkeys("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD JOD KWD OMR TND".split(), 3),
}


def minor(amount: int, currency: str) -> int:
    """Whole units as minor ones: 149 RUB are 14,900."""
    return amount * _units(currency)


def whole(amount_minor: int, currency: str) -> int:
    """What is a round number of whole units as that number: 14,900 of RUB are 149."""
    return amount_minor // _units(currency)


def exact(amount_minor: int, currency: str) -> Decimal:
    """Minor units as an amount to be shown, with its digits after the point."""
    return Decimal(amount_minor) / _units(currency)


def _units(currency: str) -> int:
    return int(10 ** _DIGITS.get(currency, 2))
