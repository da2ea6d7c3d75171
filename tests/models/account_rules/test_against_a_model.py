"""The pure rules against a plain model of them, over random lives of an account."""

from copy import deepcopy
from typing import Any

from bson import ObjectId
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from app.models import account_rules
from app.models.account import Operation, Policy, Terms
from app.models.domain_error import DomainError
from tests.account_machine import (
    LOW,
    AccountMachine,
    compare_entries,
    facts_of_account,
    facts_of_model,
    notice_keys,
    outcome_of,
)
from tests.account_model import Answer

BY = {"kind": "cli", "id": "tests", "name": "The tests"}


class Rules(AccountMachine):
    """Applies one operation after another to a plain account; keys are looked up elsewhere: none is repeated."""

    def set_up(self, tier: str, initial: int) -> None:
        self.tier, self.initial = tier, initial
        self.account, self.entries, self.told = None, [], set()

    def step(self, verb: str, *, key: str | None = None, content: str = "", **arguments: Any) -> None:
        if key in self.model.answers:
            return
        expected = outcome_of(lambda: self.model.do(self.now, verb, key, content, **arguments))
        assert self.apply(verb, key, content, arguments) == expected
        self.compare()

    def apply(self, verb: str, key: str | None, content: str, arguments: dict[str, Any]) -> Answer | tuple[str, Any]:
        account, entries = self.account, []
        if account is None:
            account, entries = account_rules.open_account(
                ObjectId(b"only account"), self.terms(self.tier), self.initial, self.policy(), self.now
            )
        before = deepcopy(account)
        earlier = None
        if verb == "revoke":
            earlier = next(
                (entry for entry in [*self.entries, *entries] if entry.get("key") == arguments["undoes"]), None
            )
        if verb in ("settle", "release"):
            earlier = self.entries[arguments["hold"] - 1]
            arguments = {**arguments, "hold": earlier["_id"]}
        terms = self.terms(arguments["tier"]) if verb == "change_tier" else None
        if verb == "grant":
            arguments = {
                "tokens": arguments["tokens"],
                "source": arguments["source"],
                "expires_at": arguments["expires"],
            }
        operation = Operation(verb, arguments, BY, self.now, key=key, description=content, earlier=earlier, terms=terms)
        try:
            after, new, due = account_rules.apply(account, operation, self.policy())
        except DomainError as refusal:
            assert account == before
            return refusal.code, refusal.values
        assert account == before
        self.account, self.entries = after, [*self.entries, *entries, *new]
        self.told |= {item["key"] for item in due}
        answer = new[-1].get("answer", {})
        return Answer(
            len(self.entries), new[-1]["amount"], after.available, answer.get("uncovered", 0), answer.get("expires_at")
        )

    def compare(self) -> None:
        if self.account is None:
            return
        lines = {str(entry["_id"]): number for number, entry in enumerate(self.entries, start=1)}
        assert facts_of_account(self.account, lines) == facts_of_model(self.model)
        compare_entries(self.entries, self.model, lines)
        ids = {number: entry["_id"] for number, entry in enumerate(self.entries, start=1)}
        assert self.told == notice_keys(self.account.id, self.model, ids)
        assert self.account.plain_left <= min(self.account.allowance_left, self.account.available)
        assert self.account.due_at == min([*self.model.events(), account_rules.FAR])
        later = deepcopy(self.account)
        account_rules.catch_up(later, max(self.now, later.last_entry_at), self.policy())
        # Nothing but figures is compared: what time brings has no numbers yet.
        shown = facts_of_model(self.model.at(self.now))
        assert facts_of_account(later, lines) == shown

    def terms(self, tier: str) -> Terms:
        return Terms(tier, *self.model.settings[tier])

    def policy(self) -> Policy:
        return Policy({tier: self.terms(tier) for tier in self.model.settings}, LOW, out_of_tokens=0)


def test_the_rules_do_what_the_model_does():
    run_state_machine_as_test(
        Rules,
        settings=settings(
            max_examples=80,
            stateful_step_count=40,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
