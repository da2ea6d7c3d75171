"""What becomes of the requests of a demo crowd: believable steps in believable times, as documents."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId

from app import clock
from app.models.actor import SYSTEM
from app.models.token_request import OPEN, REMINDED_AFTER, Status
from app.services import demo_crowd_kinds as kinds
from app.services import demo_crowd_texts as texts

Stamp = Mapping[str, str]
USUAL_WAIT = timedelta(hours=10)
EXPIRY = timedelta(days=30)
DECIDED = frozenset({Status.APPROVED, Status.REJECTED, Status.SPAM, Status.REVOKED})

# How requests end, with their shares in percent.
ENDS = {"approved": 58, "rejected": 22, "asked": 7, "withdrawn": 5, "expired": 4, "spam": 3, "revoked": 1}


@dataclass(frozen=True, slots=True)
class Step:
    """One change of a request's status."""

    to: Status
    at: datetime
    by: Stamp
    note: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One request before anything becomes of it: closed before `until`, where its owner asks again; `waits`, if it can."""

    id: ObjectId
    number: int
    kind: str
    asked_at: datetime
    until: datetime | None
    waits: bool
    owner: Stamp
    reviewer: Stamp


def steps_of(chosen: random.Random, case: Case, now: datetime) -> list[Step]:
    """The steps up to `now`; none while it is pending."""
    (end,) = chosen.choices(list(ENDS), list(ENDS.values()))
    wait = min(USUAL_WAIT * math.exp(chosen.gauss(0, 1.4)), EXPIRY * 0.8)
    if end == "expired" or case.waits:
        wait = EXPIRY
    last = case.asked_at + wait
    if case.until is not None and last >= case.until:
        # Nobody asks again before the request before it is closed.
        last = case.asked_at + (case.until - case.asked_at) * 0.8
        end = "withdrawn" if end == "expired" else end
    return [step for step in _way(chosen, end, case, clock.cut(last)) if step.at < now]


def _way(chosen: random.Random, end: str, case: Case, last: datetime) -> list[Step]:
    """All steps to an end, of which `last` is the deciding one."""

    def between(share: float) -> datetime:
        return clock.cut(case.asked_at + (last - case.asked_at) * share)

    owner, reviewer = case.owner, case.reviewer
    approval, refusal = chosen.choice(texts.APPROVALS), chosen.choice(texts.REJECTIONS)
    question, answer = chosen.choice(texts.QUESTIONS), chosen.choice(texts.ANSWERS)
    ways = {
        "approved": [Step(Status.APPROVED, last, reviewer, approval)],
        "rejected": [Step(Status.REJECTED, last, reviewer, refusal)],
        "spam": [Step(Status.SPAM, last, reviewer)],
        "withdrawn": [Step(Status.WITHDRAWN, last, owner)],
        "expired": [Step(Status.EXPIRED, last, SYSTEM.stamp())],
        "asked": [
            Step(Status.NEEDS_INFO, between(0.3), reviewer, question),
            Step(Status.PENDING, between(0.7), owner, answer),
            Step(Status.APPROVED, last, reviewer, approval),
        ],
        "revoked": [
            Step(Status.APPROVED, between(0.6), reviewer, approval),
            Step(Status.REVOKED, last, reviewer, chosen.choice(texts.REVOCATIONS)),
        ],
    }
    return ways[end]


def document(
    case: Case,
    owner_id: ObjectId,
    said: Mapping[str, Any],
    usage: Mapping[str, int],
    steps: Sequence[Step],
    day_key: str | None,
    note: str,
) -> dict[str, Any]:
    """The request as it is stored when all that follows from its steps is done; `said` are the fields of its own."""
    submitted = Step(Status.PENDING, case.asked_at, case.owner)
    way = [submitted, *steps]
    status = way[-1].to
    decision = next((step for step in reversed(way) if step.to in DECIDED), None)
    kind = kinds.OF[case.kind]
    made = {
        "_id": case.id,
        "_cls": kind.document._class_name,
        "number": case.number,
        "user": owner_id,
        "kind": case.kind,
        "status": status.value,
        "version": len(way),
        "submitted_at": case.asked_at,
        "waiting_since": max(step.at for step in way if step.to in OPEN),
        **said,
        "decision": None,
        "usage": dict(usage),
        "notes": [{"by": decision.by, "at": decision.at, "text": note}] if note and decision else [],
        "history": [_history_step(before, step) for before, step in zip([None, *way], way, strict=False)],
        "reservation": None,
        "removal": None,
        "due": [],
    }
    if day_key:
        made["day_key"] = day_key
    if decision:
        granted = kinds.CREDITS if decision.to is Status.APPROVED and case.kind == "beta" else None
        made["decision"] = {"by": decision.by, "at": decision.at, "response": decision.note, "granted": granted}
    if status in OPEN:
        # Whatever is due by then is found out when it wakes.
        made["wakes_at"] = made["waiting_since"] + REMINDED_AFTER
    if status in kind.slot_kept_by and (slot := kinds.slot(case.kind, owner_id, said)):
        made["open_key"] = slot
    return made


def _history_step(before: Step | None, step: Step) -> dict[str, Any]:
    from_status = before.to.value if before else None
    return {"from_status": from_status, "to_status": step.to.value, "by": step.by, "at": step.at, "note": step.note}
