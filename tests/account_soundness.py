"""Whether an account and its ledger are sound, by the specification's own sentences, from what the database holds."""

from typing import Any

from bson import ObjectId
from mongoengine.connection import get_db

ALLOWANCE = "allowance"


def sound_entries(account_id: ObjectId) -> list[dict[str, Any]]:
    """All entries of an account, copied or not, in their order with their balances; fails where anything is wrong."""
    account = get_db().token_accounts.find_one({"_id": account_id})
    ledger = list(get_db().ledger_entries.find({"account": account_id}).sort("seq", 1))
    assert account is not None
    assert [entry["seq"] for entry in ledger] == list(range(1, len(ledger) + 1))
    drained, waiting = account["drained_seq"], account["entries"]
    assert len(ledger) >= drained
    # What was copied may not have left the account yet.
    assert [entry["_id"] for entry in ledger[drained:]] == [entry["_id"] for entry in waiting][: len(ledger) - drained]
    entries = [*ledger[:drained], *waiting]
    assert len(entries) == account["entry_count"]
    balance, at, sums = 0, None, {ALLOWANCE: 0}
    for entry in entries:
        assert entry.get("before", balance) == balance
        balance += entry["amount"]
        assert entry.get("after", balance) == balance >= 0
        assert at is None or entry["at"] >= at
        at = entry["at"]
        assert sum(part["amount"] for part in entry["parts"]) == entry["amount"]
        for part in entry["parts"]:
            sums[part["source"]] = sums.get(part["source"], 0) + part["amount"]
    assert balance == account["balance"]
    assert len({entry["_id"] for entry in entries}) == len(entries)
    keys = [entry["key"] for entry in entries if "key" in entry]
    assert len(keys) == len(set(keys))
    _check_figures(account, sums)
    usage = [entry for entry in entries if entry["type"] == "usage"]
    assert account["lifetime_calls"] == len(usage)
    assert account["lifetime_tokens"] == -sum(entry["amount"] for entry in usage)
    return entries


def _check_figures(account: dict[str, Any], sums: dict[str, int]) -> None:
    """What is stored adds up, is what the entries add up to, and is nowhere negative."""
    left = max(0, account["limit"] - account["used"])
    assert (account["allowance_left"], sums.pop(ALLOWANCE)) == (left, left)
    assert {str(grant["id"]): grant["left"] for grant in account["grants"]} == {
        source: amount for source, amount in sums.items() if amount
    }
    assert account["balance"] == left + sum(grant["left"] for grant in account["grants"])
    assert account["held"] == sum(hold["amount"] for hold in account["holds"])
    assert account["available"] == max(0, account["balance"] - account["held"])
    figures = ("limit", "used", "balance", "held", "available", "allowance_left", "plain_left", "entry_count")
    assert all(type(account[name]) is int and account[name] >= 0 for name in figures)
