"""Token accounts as they are, with what time has brought since they were written; nothing is written here."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from flask import current_app

from app.models import account_rules
from app.models.account import Account, Policy, Terms
from app.models.domain_error import NotFound
from app.models.token_account import TokenAccount, from_fields
from app.models.user import User

Document = dict[str, Any]


def policy() -> Policy:
    """The rules' settings, as they are now."""
    tiers = {name: terms(name) for name in current_app.config["TIERS"]}
    return Policy(tiers, current_app.config["LOW_BALANCE_TOKENS"], current_app.config["CHAT_MIN_TOKENS"])


def terms(tier: str) -> Terms:
    """What the settings say of a tier."""
    setting = current_app.config["TIERS"][tier]
    return Terms(tier, setting["limit"], timedelta(days=setting["period_days"]))


def read(account_id: ObjectId, at: datetime) -> Account:
    """The account as it is at `at`, with what time has brought since the last write; nothing is written."""
    document = TokenAccount._get_collection().find_one({"_id": account_id})
    if document is None:
        return opened(account_id, at)[0]
    account = from_fields(document)
    account_rules.catch_up(account, max(at, account.last_entry_at or at), policy())
    return account


def read_all(users: Iterable[User], at: datetime) -> dict[ObjectId, Account]:
    """The accounts of these users as `read` gives them, in one query."""
    rules, found = policy(), {user.id: user for user in users}
    without_entries = {"entries": 0, "due": 0}
    stored = TokenAccount._get_collection().find({"_id": {"$in": list(found)}}, without_entries)
    read_: dict[ObjectId, Account] = {}
    for account in map(from_fields, stored):
        account_rules.catch_up(account, max(at, account.last_entry_at or at), rules)
        read_[account.id] = account
    for user_id in found.keys() - read_.keys():
        read_[user_id] = opening(user_id, found[user_id], at)[0]
    return read_


def opened(account_id: ObjectId, at: datetime) -> tuple[Account, list[Document]]:
    """The account that the first operation of a user makes; raises `NotFound` where there is no such user.

    Where mail is configured, it begins without the initial grant until the user's address is confirmed.
    """
    user = User._get_collection().find_one({"_id": account_id}, {"tier": 1, "email_confirmed": 1})
    if user is None:
        raise NotFound
    return opening(account_id, user, at)


def opening(account_id: ObjectId, user: User | Mapping[str, Any], at: datetime) -> tuple[Account, list[Document]]:
    """As `opened`, for a user who is known already."""
    waits = current_app.config["MAIL_SERVER"] and not user["email_confirmed"]
    initial = 0 if waits else current_app.config["INITIAL_TOKENS"]
    rules, tier = policy(), user["tier"]
    # Whoever is on a tier that the settings have no more has no allowance until somebody puts them on another.
    return account_rules.open_account(
        account_id, rules.tiers.get(tier) or Terms(tier, 0, timedelta(0)), initial, rules, at
    )
