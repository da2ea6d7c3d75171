"""Whether what the killed spending programs were told is in the ledger, once."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from bson import ObjectId

from app.services import account_commit, token_accounts
from tests.factories import OPERATOR
from tests.faults.deployment import SPENDING_THREADS, SPENT
from tests.faults.tally import Tally

TRIED = re.compile(r"^try (\S+)\n", re.MULTILINE)
DONE = re.compile(r"^done (\S+) (\w{24}) (-\d+) \d+\n", re.MULTILINE)


@dataclass(slots=True)
class Spent:
    """What the lives of the spending program have printed of one account: keys that were tried, what was acknowledged."""

    tried: set[str] = field(default_factory=set)
    # (key or -, entry, amount)
    done: list[tuple[str, str, int]] = field(default_factory=list)
    lives: int = 0


def read(printed: Iterable[tuple[ObjectId, str]]) -> dict[ObjectId, Spent]:
    """By account, what was printed; a last line that the kill cut short says nothing."""
    spent: dict[ObjectId, Spent] = defaultdict(Spent)
    for user_id, text in printed:
        spent[user_id].tried |= set(TRIED.findall(text))
        spent[user_id].done += [(key, entry, int(amount)) for key, entry, amount in DONE.findall(text)]
        spent[user_id].lives += 1
    return spent


def repeat_keys(spent: dict[ObjectId, Spent]) -> None:
    """What a program does that does not know whether it was heard."""
    for user_id, one in spent.items():
        for key in one.tried:
            token_accounts.spend(user_id, SPENT, by=OPERATOR, key=key)


def tallies(spent: dict[ObjectId, Spent]) -> tuple[Tally, Tally]:
    """Spends without a key (plain or by a hold), and with one, after the keys were repeated."""
    plain, keyed = Tally("spend without a key"), Tally("spend with a key")
    for user_id, one in spent.items():
        usage = account_commit.entries().find({"account": user_id, "type": "usage"})
        entries = {str(entry["_id"]): entry for entry in usage}
        keys = Counter(entry.get("key") for entry in entries.values())
        told = Counter(entry for _key, entry, _amount in one.done)
        for key, id_, amount in one.done:
            tally = plain if key == "-" else keyed
            tally.acknowledged += 1
            entry = entries.get(id_)
            # Two that were told of one entry have one between them.
            if entry is None or entry["amount"] != amount or told[id_] > 1 or key not in ("-", entry.get("key")):
                tally.lost.append(f"spend {key} of {user_id}, told of entry {id_}, which is {entry}")
        keyed.tried += len(one.tried)
        keyed.lost += [f"spend {key} of {user_id}" for key in one.tried if not keys[key]]
        keyed.doubled += [f"spend {key} of {user_id}" for key in one.tried if keys[key] > 1]
        unheard = [
            entry
            for id_, entry in entries.items()
            if id_ not in told and entry["amount"] == -SPENT and entry.get("key") not in one.tried
        ]
        plain.tried += sum(key == "-" for key, _entry, _amount in one.done) + len(unheard)
        # A thread had at most one under way when its process was killed.
        plain.doubled += [f"{entry} that nobody tried" for entry in unheard[one.lives * SPENDING_THREADS :]]
    return plain, keyed
