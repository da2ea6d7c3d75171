"""Gives users from before the list of users what it filters and searches by."""

from itertools import islice

from pymongo import UpdateOne

from app import clock
from app.models.user import User, search_terms
from app.services import account_reading, out_of_tokens

BATCH = 1_000
FIELDS = ("name", "email", "phone", "external_id", "tier", "email_confirmed")


def run() -> None:
    """Fills `search` and `out_of_tokens` where they are missing, a batch at a time."""
    lacking = User.objects(__raw__={"search": {"$exists": False}}).only(*FIELDS).order_by("id")
    users = iter(lacking.no_cache())
    while batch := list(islice(users, BATCH)):
        collection = User._get_collection()
        ids, unnoted = [user.id for user in batch], {"out_of_tokens": {"$exists": False}}
        collection.update_many({"_id": {"$in": ids}, **unnoted}, {"$set": {"out_of_tokens": False}})
        # Only now: what happens to an account from here on leaves a note of its own.
        policy, accounts = account_reading.policy(), account_reading.read_all(batch, clock.now())
        for account in accounts.values():
            if policy.is_out(account.available):
                out_of_tokens.note(account.id)
        # Last: by what is missing a run that was broken off is taken up again.
        collection.bulk_write([_findable(user) for user in batch], ordered=False)


def _findable(user: User) -> UpdateOne:
    terms = search_terms(email=user.email, name=user.name, phone=user.phone, external_id=user.external_id)
    return UpdateOne({"_id": user.id, "search": {"$exists": False}}, {"$set": {"search": terms}})
