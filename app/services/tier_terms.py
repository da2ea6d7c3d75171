"""Brings changed settings of tiers to accounts at once, which otherwise have them from their next renewal on."""

from collections.abc import Iterator
from typing import Any

from bson import ObjectId
from flask import current_app

from app import db
from app.models.actor import Actor
from app.models.user import User
from app.services import account_commit, account_reading, token_accounts

BATCH = 500


def count() -> int:
    """How many accounts have other terms than the settings give their tier."""
    with db.slow():
        return account_commit.accounts().count_documents(_differing())


def apply(*, by: Actor, reason: str) -> Iterator[ObjectId]:
    """Gives each of these accounts the terms of its tier, and yields its id when it is done.

    Nothing is remembered but in the accounts: broken off and begun again, it goes on with what is left.
    """
    last = ObjectId("0" * 24)
    while True:
        # The last batch reads all accounts that are left; changing one takes no longer than usual.
        with db.slow():
            batch = account_commit.accounts().find({"_id": {"$gt": last}, **_differing()}, {"tier": 1})
            documents = list(batch.sort("_id", 1).limit(BATCH))
        for document in documents:
            _apply(document["_id"], document["tier"], by, reason)
            yield document["_id"]
        if len(documents) < BATCH:
            return
        last = documents[-1]["_id"]


def _differing() -> dict[str, Any]:
    """A tier that the settings know no more leaves its accounts as they are."""
    others = (
        {"tier": tier, "$nor": [{"limit": terms.limit, "period_seconds": int(terms.period.total_seconds())}]}
        for tier, terms in account_reading.policy().tiers.items()
    )
    return {"$or": list(others)}


def _apply(account_id: ObjectId, tier: str, by: Actor, reason: str) -> None:
    """Somebody may put the user on another tier meanwhile; the tier that the user has in the end is the account's."""
    while True:
        token_accounts.change_tier(account_id, tier, by=by, reason=reason)
        user = User._get_collection().find_one({"_id": account_id}, {"tier": 1})
        if user is None or user["tier"] == tier or user["tier"] not in current_app.config["TIERS"]:
            return
        tier = user["tier"]
