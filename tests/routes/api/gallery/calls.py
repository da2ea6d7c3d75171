"""Calls about the quota of a user, as existing clients make them."""

import pytest
from mongoengine.connection import get_db

PATH = "/api/admin/gallery-users"
WHY = {"reason": "Customer support request"}
BONUS = {"amount": 50_000, "reason": "Compensation for service issue"}
CHANGES = [("reset", WHY), ("add-tokens", BONUS)]
both = pytest.mark.parametrize(("what", "body"), CHANGES, ids=["reset", "add-tokens"])


def get(client, user, what="", **options):
    """Reads the account of `user`, or `what` below it."""
    return client.get(f"{PATH}/{getattr(user, 'id', user)}/quota{what}", **options)


def post(client, user, what, body=None, **options):
    """Makes the change `what` to the account of `user`."""
    return client.post(f"{PATH}/{getattr(user, 'id', user)}/quota/{what}", json=body, **options)


def entries():
    """What nothing but an operation changes."""
    return list(get_db().token_accounts.find()), list(get_db().ledger_entries.find())
