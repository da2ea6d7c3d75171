"""Who the people of a demo crowd are: names, addresses and settings, as documents of users."""

import random
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from bson import ObjectId

from app.models.user import User, search_terms
from app.services import demo_crowd_texts as texts
from app.services.demo_crowd_plan import Plan

HOSTS = ("post{}.example.com", "mail{}.example.net", "team{}.example.org", "office{}.example.com")
# Shares of the tiers in percent: the default one, then the others as the settings name them, the last share for the rest.
TIER_SHARES = (80, 14, 6)
INACTIVE, UNCONFIRMED, WITH_PHONE, WITH_EXTERNAL_ID = 0.04, 0.05, 0.3, 0.4
LETTERS = str.maketrans(
    dict(
        zip(
            "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
            "a b v g d e e zh z i y k l m n o p r s t u f kh ts ch sh sch  y  e yu ya".split(" "),
            strict=True,
        )
    )
    | {"ł": "l", "ø": "o", "ß": "ss", "ü": "ue", "ö": "oe", "ä": "ae"}
)


def tier_of(chosen: random.Random, plan: Plan, *, asks: bool) -> str:
    """A tier; whoever asks for a reset has an allowance, where the settings know one."""
    tiers = plan.policy.tiers
    names = [plan.default_tier, *(name for name in tiers if name != plan.default_tier)]
    if asks:
        names = [name for name in names if tiers[name].limit] or names
    return chosen.choices(names, [*TIER_SHARES, *[TIER_SHARES[-1]] * len(names)][: len(names)])[0]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody's name, and where they come from."""

    given: str
    family: str
    country: texts.Country

    @property
    def name(self) -> str:
        """As people write it."""
        return f"{self.given} {self.family}"


def somebody(chosen: random.Random) -> Person:
    """A person from one of the countries, the large ones more often."""
    country = chosen.choices(texts.COUNTRIES, cum_weights=_shares())[0]
    return Person(chosen.choice(country.given), chosen.choice(country.family), country)


def reviewers(plan: Plan) -> list[dict[str, str]]:
    """The stamps of those who decide on requests."""
    named = [somebody(randomness(plan, person)).name for person in range(plan.reviewers)]
    return [stamp(plan.user_id(person), name) for person, name in enumerate(named)] or [dict(plan.by)]


def randomness(plan: Plan, person: int) -> random.Random:
    """What decides everything about a person; their name is drawn from it first."""
    return random.Random((plan.seed << 32) + person + 1)  # noqa: S311 - demo data.


def document(
    plan: Plan,
    chosen: random.Random,
    number: int,
    person: Person,
    *,
    tier: str,
    last_seen_at: datetime | None,
    may_leave: bool,
    tokens: dict[str, Any],
) -> dict[str, Any]:
    """A person's document.

    `may_leave`: whether nothing of theirs is open, so that they may be inactive; `tokens` is what it says of their account.
    """
    made = {
        **_blank(),
        "_id": plan.user_id(number),
        "email": address(plan, number, person),
        "email_confirmed": chosen.random() > UNCONFIRMED,
        "name": person.name,
        "locale": person.country.locale,
        "time_zone": person.country.time_zone,
        "tier": tier,
        "active": not (may_leave and chosen.random() < INACTIVE),
        "created_at": plan.joined_at(number),
        **tokens,
    }
    if last_seen_at:
        made["last_seen_at"] = last_seen_at
    if chosen.random() < WITH_PHONE:
        # Personal numbers, of which hardly any were ever given out: nobody's telephone rings.
        made |= {"phone": f"+87810{plan.seed:03}{number:07}", "phone_confirmed": chosen.random() < 0.7}
    if chosen.random() < WITH_EXTERNAL_ID:
        made["external_id"] = f"crm-{plan.seed}-{number:07}"
    searched = {name: made[name] for name in ("email", "name", "phone", "external_id") if name in made}
    return made | {"search": search_terms(**searched)}


def address(plan: Plan, number: int, person: Person) -> str:
    """A person's e-mail address; neighbours have it with different hosts."""
    host = HOSTS[number * 7 % len(HOSTS)].format(plan.seed)
    return f"{_ascii(person.given)}.{_ascii(person.family)}{number}@{host}"


def stamp(user_id: ObjectId, name: str) -> dict[str, str]:
    """A person as the actor of something."""
    return {"kind": "user", "id": str(user_id), "name": name}


@cache
def _blank() -> dict[str, Any]:
    """The fields of a user of whom nothing is known."""
    fields = User(id=ObjectId(), email="", tier="").to_mongo().to_dict()
    return {name: value for name, value in fields.items() if name not in ("_id", "created_at")}


@cache
def _shares() -> list[int]:
    return [sum(one.share for one in texts.COUNTRIES[: n + 1]) for n in range(len(texts.COUNTRIES))]


@cache
def _ascii(name: str) -> str:
    """A name as it stands in an address: lower case, without accents, Cyrillic in Latin letters."""
    spelt = unicodedata.normalize("NFKD", name.lower().translate(LETTERS))
    return re.sub("[^a-z]", "", spelt)
