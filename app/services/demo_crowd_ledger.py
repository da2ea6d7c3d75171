"""The account of a person in a demo crowd, as the rules of token accounts make it, operation by operation."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from bson import ObjectId

from app.models import account_rules
from app.models.account import Account, Operation
from app.models.ledger_entry import numbered
from app.models.token_account import to_fields
from app.services.demo_crowd_plan import Plan, Thing

Document = dict[str, Any]


class DemoLedger:
    """An account that begins when its person joins, with all its entries; `person` is their number, `stamp` the actor."""

    def __init__(self, plan: Plan, person: int, tier: str, stamp: Mapping[str, str]):
        self.plan, self.stamp = plan, stamp
        self.joined_at = plan.joined_at(person)
        self.person, self._ids = person, 0
        self._entries: list[Document] = []
        id_ = plan.object_id(Thing.USER, person, at=self.joined_at)
        self.account, opened = account_rules.open_account(id_, plan.policy.tiers[tier], 0, plan.policy, self.joined_at)
        self._keep(opened)
        if plan.initial_tokens:
            initial = account_rules.initial_grant(plan.initial_tokens, self.joined_at)
            self._apply(replace(initial, id=self._next_id()))

    def at(self, at: datetime) -> Account:
        """The account with what time has brought up to `at`, which becomes part of the ledger."""
        if at >= self.account.due_at:
            at = max(at, self.account.last_entry_at or at)
            self._keep(account_rules.catch_up(self.account, at, self.plan.policy))
        return self.account

    def spend(self, tokens: int, at: datetime, description: str) -> None:
        """Spends tokens that are there; one that brings nothing but its entry takes the short cut that all spends take."""
        operation = Operation("spend", {"tokens": tokens}, self.stamp, at, self._next_id(), description=description)
        account = self.at(at)
        if tokens > account.plain_left or at < (account.last_entry_at or at):
            self._apply(operation)
            return
        self._entries.append(account_rules.plain_spend(operation, at))
        for name in ("used", "lifetime_tokens"):
            setattr(account, name, getattr(account, name) + tokens)
        for name in ("balance", "available", "allowance_left", "plain_left"):
            setattr(account, name, getattr(account, name) - tokens)
        account.period_calls += 1
        account.lifetime_calls += 1
        account.last_spend_at = account.last_entry_at = at

    def do(self, verb: str, at: datetime, by: Mapping[str, str], arguments: Mapping[str, Any], **more: Any) -> None:
        """Does one operation of another kind."""
        self._apply(Operation(verb, arguments, by, at, self._next_id(), **more))

    def by_key(self, key: str) -> Document:
        """The entry under a key."""
        return next(entry for entry in self._entries if entry.get("key") == key)

    def account_document(self) -> Document:
        """The account as it is stored when all its entries have been copied."""
        version = self.plan.object_id(Thing.VERSION, self.person, at=self.joined_at)
        count = len(self._entries)
        return {
            "_id": self.account.id,
            "version": version,
            **to_fields(self.account),
            "entry_count": count,
            "drained_seq": count,
            "drained_balance": self.account.balance,
            "entries": [],
            "due": [],
            # For the statistics, nothing of it is counted yet.
            "count_at": self.plan.at,
        }

    def out_of_tokens(self) -> Document:
        """What the user's own document says of the account."""
        seen = self.account.copy()
        if seen.due_at <= self.plan.at:
            account_rules.catch_up(seen, self.plan.at, self.plan.policy)
        out = seen.available < self.plan.policy.out_of_tokens
        noted = {"out_of_tokens": out, "tokens_noted": len(self._entries)}
        return noted | ({"out_until": seen.due_at} if out else {})

    def entry_documents(self) -> Iterable[Document]:
        """The entries as the ledger has them."""
        return numbered({"_id": self.account.id, "drained_seq": 0, "drained_balance": 0}, self._entries)

    def _apply(self, operation: Operation) -> None:
        # Nobody is told of what only seems to have happened.
        self.account, new, _told = account_rules.apply(self.account, operation, self.plan.policy)
        self._keep(new[:-1])
        self._entries.append(new[-1])

    def _keep(self, brought: Iterable[Document]) -> None:
        """Keeps what time brought, under ids that another run gives too."""
        self._entries += [{**entry, "_id": self._next_id()} for entry in brought]

    def _next_id(self) -> ObjectId:
        self._ids += 1
        # All of a person's entries begin alike: that keeps the ledger's indexes fast to fill.
        return self.plan.object_id(Thing.ENTRY, self.person, self._ids, at=self.joined_at)
