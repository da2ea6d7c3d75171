"""Keeps on each user whether they are out of tokens, so that the list of users can be filtered by it.

A note looks at the account as it is when the note is taken: of several on their way it does not matter which comes last, since
the account's number of entries says which has seen more. An account that no operation has made yet is as it would open.
"""

from bson import ObjectId

from app import clock
from app.models import account_rules
from app.models.token_account import from_fields
from app.models.user import User
from app.services import account_commit, account_reading


def note(user_id: ObjectId) -> None:
    """Writes on the user what the account says now; nothing where a later state of the account was noted already."""
    user = User.objects(id=user_id).only("tier", "email_confirmed").first()
    if user is None:
        return
    policy, now, as_read = account_reading.policy(), clock.now(), {}
    document = account_commit.accounts().find_one({"_id": user_id}, {"entries": 0, "due": 0})
    if document is None:
        account, noted = account_reading.opening(user_id, user, now)[0], 0
        # Nothing but these says how it would open; whoever changes one of them has a note of their own on its way.
        as_read = {"tier": user.tier, "email_confirmed": user.email_confirmed}
    else:
        account, noted = from_fields(document), document["entry_count"]
        account_rules.catch_up(account, max(now, account.last_entry_at or now), policy)
    out = policy.is_out(account.available)
    fields = {"out_of_tokens": out, "tokens_noted": noted}
    until = {"$set": fields | {"out_until": account.due_at}} if out else {"$set": fields, "$unset": {"out_until": ""}}
    as_read |= {"_id": user_id, "tokens_noted": {"$not": {"$gt": noted}}}
    User._get_collection().update_one(as_read, until)


def note_renewed(limit: int = 1_000) -> int:
    """Looks again at users to whose accounts time alone may have brought tokens; returns how many. The worker's part."""
    passed = {"out_until": {"$lte": clock.now()}}
    waiting = [one["_id"] for one in User._get_collection().find(passed, {"_id": 1}).limit(limit)]
    for user_id in waiting:
        note(user_id)
    return len(waiting)
