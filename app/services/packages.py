"""The packages that can be bought now, from the settings."""

from typing import Any

from flask import current_app

from app.models import money
from app.models.domain_error import N_, FieldError, InvalidInput
from app.models.package import Package


def offered() -> list[Package]:
    """All of them, in the order of the settings."""
    currency = current_app.config["CURRENCY"]
    return [
        Package(name, one["tokens"], money.minor(one["price"], currency), currency)
        for name, one in current_app.config["PACKAGES"].items()
    ]


def named(name: Any, *, tokens: int | None = None, amount: int | None = None) -> Package:
    """The package that is called so; raises `InvalidInput`, also where it has other tokens or another price than given."""
    found = next((one for one in offered() if one.name == name), None)
    if found is None:
        raise InvalidInput(errors={"package": [N_("There is no such package.")]})
    errors: dict[str, list[str]] = {}
    if tokens not in (None, found.tokens):
        errors["tokens"] = [FieldError(N_("This package has %(tokens)s tokens."), tokens=found.tokens)]
    if amount not in (None, found.amount):
        price = {"amount": found.amount, "currency": found.currency}
        errors["amount"] = [FieldError(N_("This package costs %(amount)s %(currency)s."), **price)]
    if errors:
        raise InvalidInput(errors=errors)
    return found
