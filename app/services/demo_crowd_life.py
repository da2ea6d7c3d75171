"""A person's life in a demo crowd: use, gifts and requests, in the order of time."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from math import exp
from typing import Any

from app import clock
from app.models.account import GrantSource
from app.models.account_rules import LARGEST_AMOUNT
from app.models.token_request import OPEN, Status
from app.services import demo_crowd_kinds as kinds
from app.services import demo_crowd_people as people
from app.services import demo_crowd_requests as requests
from app.services import demo_crowd_texts as texts
from app.services.demo_crowd_ledger import DemoLedger
from app.services.demo_crowd_plan import Plan, Thing

Document = dict[str, Any]
Stamp = Mapping[str, str]
# When something happens, and what: called with the time, when its turn has come.
Happening = tuple[datetime, Callable[[datetime], None]]

NEVER_CAME, BONUS, GIFT, NOTED = 0.1, 0.03, 0.06, 0.05
# Of the newest requests many are still undecided: of at least so many, and of one in so many.
LEAST_BACKLOG, BACKLOG = 4, 200
# How many spends a person has: so many more than one on average.
MORE_SPENDS, MOST_SPENDS = 1.2, 12
# A usual spend, as a share of what the tier or the initial grant gives.
USUAL_SHARE = 0.06


@dataclass(slots=True)
class Documents:
    """What is stored of people, by collection."""

    users: list[Document] = field(default_factory=list)
    accounts: list[Document] = field(default_factory=list)
    entries: list[Document] = field(default_factory=list)
    requests: list[Document] = field(default_factory=list)
    tokens: list[Document] = field(default_factory=list)


def add_life(to: Documents, plan: Plan, number: int, asked: Sequence[int], reviewers: Sequence[Stamp]) -> None:
    """Adds all documents of person `number`, who submits the requests numbered `asked`."""
    chosen = people.randomness(plan, number)
    person = people.somebody(chosen)
    tier = people.tier_of(chosen, plan, asks=bool(asked))
    ledger = DemoLedger(plan, number, tier, people.stamp(plan.user_id(number), person.name))
    submitted: list[Document] = []
    happenings = [*_use(ledger, chosen)]
    last = max([at for at, _ in happenings] + [plan.asked_at(one) for one in asked[-1:]], default=None)
    happenings += _gifts(ledger, chosen, reviewers)
    for case in _cases(ledger, chosen, asked, reviewers):
        happenings += _asking(ledger, chosen, case, person, submitted, to.tokens)
    for at, happens in sorted(happenings, key=lambda one: one[0]):
        happens(at)
    last_seen_at = last and min(plan.at, last + timedelta(minutes=chosen.randrange(1, 90)))
    may_leave = number >= plan.reviewers and all(one["status"] not in OPEN for one in submitted)
    to.users.append(
        people.document(
            plan,
            chosen,
            number,
            person,
            tier=tier,
            last_seen_at=last_seen_at,
            may_leave=may_leave,
            tokens=ledger.out_of_tokens(),
        )
    )
    to.accounts.append(ledger.account_document())
    to.entries += ledger.entry_documents()
    to.requests += submitted


# --- tokens -----------------------------------------------------------------------------------------------------------


def _use(ledger: DemoLedger, chosen: random.Random) -> Iterator[Happening]:
    """Spends, until the person lost interest; some never came back after joining."""
    if chosen.random() < NEVER_CAME:
        return
    stayed = (ledger.plan.at - ledger.joined_at) * chosen.random() ** 0.35
    for _ in range(min(1 + int(chosen.expovariate(1 / MORE_SPENDS)), MOST_SPENDS)):
        usual = (ledger.account.limit or ledger.plan.initial_tokens) * USUAL_SHARE
        tokens = int(usual * exp(chosen.gauss(0, 1.3)))
        yield clock.cut(ledger.joined_at + stayed * chosen.random()), partial(_spend, ledger, chosen, tokens)


def _spend(ledger: DemoLedger, chosen: random.Random, tokens: int, at: datetime) -> None:
    """Spends `tokens`, or what there is."""
    if spent := min(tokens, ledger.at(at).available, LARGEST_AMOUNT):
        ledger.spend(spent, at, chosen.choice(texts.DESCRIPTIONS))


def _gifts(ledger: DemoLedger, chosen: random.Random, reviewers: Sequence[Stamp]) -> Iterator[Happening]:
    """A bonus for some, tokens that expire for others."""

    def sometime() -> datetime:
        return clock.cut(ledger.joined_at + (ledger.plan.at - ledger.joined_at) * chosen.random())

    def bonus(at: datetime) -> None:
        tokens, why = chosen.choice([5_000, 10_000, 25_000, 50_000]), chosen.choice(texts.BONUSES)
        ledger.do("add_bonus", at, chosen.choice(reviewers), {"tokens": tokens}, description=why)

    def gift(at: datetime) -> None:
        tokens, why = chosen.choice([10_000, 20_000, 40_000]), chosen.choice(texts.GIFTS)
        ends = at + timedelta(days=chosen.choice([14, 30, 90]))
        given = {"tokens": tokens, "source": GrantSource.ADJUSTMENT.value, "expires_at": ends}
        ledger.do("grant", at, chosen.choice(reviewers), given, description=why)

    if chosen.random() < BONUS:
        yield sometime(), bonus
    if chosen.random() < GIFT:
        yield sometime(), gift


# --- requests ---------------------------------------------------------------------------------------------------------


def _cases(
    ledger: DemoLedger, chosen: random.Random, asked: Sequence[int], reviewers: Sequence[Stamp]
) -> Iterator[requests.Case]:
    """The person's requests, each closed before the next."""
    plan = ledger.plan
    times = [plan.asked_at(number) for number in asked]
    wanted = kinds.chosen_kinds(chosen, len(asked))
    for number, kind, at, until in zip(asked, wanted, times, [*times, None][1:], strict=True):
        yield requests.Case(
            id=plan.object_id(Thing.REQUEST, number, at=at),
            number=plan.first_number + number,
            kind=kind,
            asked_at=at,
            until=until,
            waits=number >= plan.requests - max(LEAST_BACKLOG, plan.requests // BACKLOG) and chosen.random() < 0.7,
            owner=ledger.stamp,
            reviewer=chosen.choice(reviewers),
        )


def _asking(
    ledger: DemoLedger,
    chosen: random.Random,
    case: requests.Case,
    person: people.Person,
    submitted: list[Document],
    listed: list[Document],
) -> Iterator[Happening]:
    """A request, from what led to it to what its decision brought; its document is added to `submitted`."""
    steps = requests.steps_of(chosen, case, ledger.plan.at)
    if case.kind == "quota":
        ran_out_at = max(ledger.joined_at, case.asked_at - timedelta(minutes=chosen.randrange(1, 60)))
        # Little or nothing is left: that is why people ask.
        yield ran_out_at, partial(_spend, ledger, chosen, LARGEST_AMOUNT)

    def submit(at: datetime) -> None:
        account = ledger.at(at)
        usage = {"token_count": account.used, "request_count": account.period_calls}
        said = _said(chosen, case, steps, person, ledger)
        note = chosen.choice(texts.NOTES) if chosen.random() < NOTED else ""
        day = str(at.astimezone(ledger.plan.zone).date())
        day_key = kinds.day_key(case.kind, account.id, day, submitted)
        submitted.append(requests.document(case, account.id, said, usage, steps, day_key, note))
        for place, step in enumerate(steps, start=1):
            if case.kind == "listing" and step.to is Status.APPROVED:
                token_id = ledger.plan.object_id(Thing.TOKEN, case.number - ledger.plan.first_number, at=step.at)
                key = f"request:{case.id}:{place}"
                listed.append(kinds.listed(submitted[-1], token_id, key=key, at=step.at))

    yield case.asked_at, submit
    gives = kinds.OF[case.kind].gives
    for place, step in enumerate(steps if gives else (), start=1):
        key, reference = f"request:{case.id}:{place}", {"request": case.number}
        told = {"key": key, "description": f"Request #{case.number} {step.to.value}", "reference": reference}
        if gives and step.to is Status.APPROVED:
            yield step.at, partial(_do, ledger, gives[0], step.by, gives[1], told)
        if step.to is Status.REVOKED:
            undoes = f"request:{case.id}:{place - 1}"
            yield step.at, partial(_do, ledger, "revoke", step.by, {"undoes": undoes}, told)


def _do(ledger: DemoLedger, verb: str, by: Stamp, arguments: Mapping[str, Any], told: Document, at: datetime) -> None:
    earlier = ledger.by_key(arguments["undoes"]) if "undoes" in arguments else None
    ledger.do(verb, at, by, arguments, earlier=earlier, **told)


def _said(
    chosen: random.Random,
    case: requests.Case,
    steps: Sequence[requests.Step],
    person: people.Person,
    ledger: DemoLedger,
) -> Document:
    """What the request says: the fields that only its kind has."""
    spam = any(step.to is Status.SPAM for step in steps)
    if case.kind == "beta":
        return {"email": people.address(ledger.plan, ledger.person, person)}
    if case.kind == "listing":
        return kinds.token(chosen) | ({"reason": chosen.choice(texts.SPAM)} if spam else {})
    return {"reason": chosen.choice(texts.SPAM) if spam else _reason(chosen, person.country.locale)}


def _reason(chosen: random.Random, locale: str) -> str:
    """Believable words; people of every country may write English."""
    beginnings, ends, subjects = texts.REASONS[locale if chosen.random() < 0.8 else "en"]
    sentence = chosen.choice(beginnings).format(chosen.choice(subjects))
    return f"{sentence[0].upper()}{sentence[1:]} {chosen.choice(ends)}".strip()
