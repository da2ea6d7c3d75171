"""Who of a demo crowd joins when, and who asks when: worked out from the seed alone, so that any process finds the same."""

import math
import random
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any
from zoneinfo import ZoneInfo

from bson import ObjectId

from app import clock
from app.models.account import Policy, Terms

SPAN = timedelta(days=730)
# The first few of a crowd decide on the requests of the others.
MOST_REVIEWERS = 5
LARGEST_SEED = 999
MOST_PEOPLE = 10_000_000


class Thing(IntEnum):
    """What an id is of."""

    USER = 1
    ENTRY = 2
    REQUEST = 3
    VERSION = 4
    TOKEN = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """A crowd; people are numbered from 0 in the order of joining, requests in the order of submission."""

    seed: int
    users: int
    requests: int
    at: datetime
    first_number: int
    policy: Policy
    default_tier: str
    initial_tokens: int
    zone: ZoneInfo
    by: Mapping[str, str]

    @property
    def reviewers(self) -> int:
        """How many of the crowd are reviewers: none in a tiny one, where whoever makes the crowd decides."""
        return min(MOST_REVIEWERS, self.users // 4)

    def joined_at(self, person: int) -> datetime:
        """When a person joined: more join each month."""
        return self._moment(math.sqrt((person + _fraction(person)) / self.users))

    def asked_at(self, number: int) -> datetime:
        """When request `number` of the crowd was submitted; more each month, and none before there is anybody to ask."""
        begun = (self.joined_at(self.reviewers) - self._start) / SPAN
        share = math.sqrt((number + _fraction(number)) / self.requests)
        return self._moment(begun + (1 - begun) * share)

    def asked_by(self, share: int) -> "list[array[int]]":
        """For each `share` people, in their order, what they ask: `person << 32 | number`, in the order of submission."""
        chosen = random.Random(self.seed)  # noqa: S311 - demo data.
        shares = [array("Q") for _ in range(0, self.users, share)]
        for number in range(self.requests):
            joined = int(self.users * ((self.asked_at(number) - self._start) / SPAN) ** 2)
            others = max(1, joined - self.reviewers)
            # Those who joined lately ask more often.
            person = self.reviewers + int(others * chosen.random() ** 0.7)
            shares[person // share].append(person << 32 | number)
        return shares

    def object_id(self, thing: Thing, number: int, place: int = 0, *, at: datetime) -> ObjectId:
        """The id of a thing: the same in every run, and rising with `at`."""
        value = int(at.timestamp()) << 64 | self.seed << 48 | thing << 40 | number << 16 | place
        return ObjectId(value.to_bytes(12, "big"))

    def user_id(self, person: int) -> ObjectId:
        """The id of a person and of their account."""
        return self.object_id(Thing.USER, person, at=self.joined_at(person))

    @property
    def _start(self) -> datetime:
        return self.at - SPAN

    def _moment(self, share: float) -> datetime:
        return clock.cut(self._start + SPAN * share)


def policy_of(settings: Mapping[str, Any]) -> Policy:
    """The rules' settings, from those that a crowd was begun under."""
    tiers = {
        name: Terms(name, tier["limit"], timedelta(days=tier["period_days"]))
        for name, tier in settings["tiers"].items()
    }
    return Policy(tiers, settings["low_balance"], settings["out_of_tokens"])


def _fraction(number: int) -> float:
    """Between 0 and 1, and different for neighbours: what keeps a crowd from marching in step."""
    return number * 0.6180339887498949 % 1
