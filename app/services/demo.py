"""A small demo: people to sign in as, and enough use of tokens and requests that no page is empty."""

import secrets
from contextlib import suppress
from dataclasses import dataclass

from bson import ObjectId
from flask import current_app

from app.models.actor import Actor
from app.models.domain_error import N_, KeyReused, UserInactive
from app.models.order import Provider
from app.services import admin_allowlist, demo_listings, order_steps, orders, packages, token_accounts, users

DEMO_EMAIL, ADMIN_EMAIL = "demo@example.com", "admin@example.com"
# What the demo user has left: two or three answers of the demo assistant.
LEFT = 700


# Passwords are typed off a terminal: no letter looks like another.
LETTERS = "abcdefghjkmnpqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """Somebody to sign in as; the password is told here and nowhere else."""

    email: str
    password: str
    what: str


# What the demo user did, with its share of all that was spent, in percent.
USE = [
    ("Chat: plan for a product launch", 18),
    ("Translation of a user manual", 21),
    ("Summary of 40 customer interviews", 17),
    ("Chat: questions about a spreadsheet", 6),
    ("Draft of a newsletter", 9),
    ("Chat: names for a new feature", 3),
    ("Code review of a pull request", 14),
    ("Outline of a conference talk", 12),
]
# Others, whom nobody signs in as: name, tier, and the percentage of their tokens that they have used.
OTHERS = [
    ("Maria Petrova", "pro", 64),
    ("Jonas Weber", "free", 31),
    ("Aiko Tanaka", "free", 8),
    ("Lucas Martin", "free", 100),
    ("Grace Okafor", "pro", 12),
]
# Those of them who have bought tokens, and whether they have paid.
BUYERS = {"Maria Petrova": True, "Lucas Martin": False}


def seed(*, by: Actor) -> list[DemoAccount]:
    """Makes what is missing of the demo and returns whom it made to sign in as; the second time nobody."""
    made = people(by=by)
    demo_listings.seed([users.find(_email(name)) for name, _tier, _percentage in OTHERS], by=by)
    if current_app.config["PAYMENT_PROVIDER"] == Provider.MANUAL:
        _orders(by=by)
    return made


def people(*, by: Actor) -> list[DemoAccount]:
    """The same without any requests or orders."""
    made = [
        _sign_in_as(DEMO_EMAIL, "Dana Demo", by=by, what=N_("a user who has few tokens left")),
        _sign_in_as(_admin_email(), "Adam Admin", by=by, role="admin", what=N_("an admin who decides requests")),
    ]
    _run_down(DEMO_EMAIL, by=by)
    for name, tier, percentage in OTHERS:
        _other(name, tier, percentage, by=by)
    return [account for account in made if account]


def _sign_in_as(email: str, name: str, *, by: Actor, what: str, role: str | None = None) -> DemoAccount | None:
    if users.by_email(email):
        return None
    password = "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(3))
    users.create(email, password=password, name=name, roles=[role] if role else [], by=by)
    return DemoAccount(email, password, what)


def _admin_email() -> str:
    """The demo's admin; where ADMIN_EMAILS names only others, the first of these."""
    return ADMIN_EMAIL if admin_allowlist.names(ADMIN_EMAIL) else current_app.config["ADMIN_EMAILS"][0]


def _run_down(email: str, *, by: Actor) -> None:
    """Leaves the demo user `LEFT` tokens. The keys make it happen once, whatever the user has done since."""
    user = users.find(email)
    rest = spent = _tokens_of(user.tier) - LEFT
    for number, (description, percentage) in enumerate(USE, start=1):
        tokens = rest if number == len(USE) else spent * percentage // 100
        rest -= tokens
        _spend(user.id, tokens, f"demo:{number}", description, by=by)


def _orders(*, by: Actor) -> None:
    """Two of the others have bought the smallest package; one payment is there, the other waits to be confirmed."""
    for package in packages.offered()[:1]:
        for name, is_paid in BUYERS.items():
            # Whoever was deactivated since the first seeding buys nothing, and has bought it then.
            with suppress(UserInactive):
                placed = orders.place(users.find(_email(name)), package=package.name, key="demo", by=by)
                if is_paid and not placed.replayed:
                    order_steps.confirm(placed.order, by=by)


def _other(name: str, tier: str, percentage: int, *, by: Actor) -> None:
    email = _email(name)
    tier = tier if tier in current_app.config["TIERS"] else current_app.config["DEFAULT_TIER"]
    user = users.by_email(email) or users.create(email, password=None, name=name, tier=tier, by=by)
    some = USE[::3]
    spent = _tokens_of(user.tier) * percentage // 100
    for number, (description, share) in enumerate(some, start=1):
        tokens = spent * share // sum(share for _, share in some)
        _spend(user.id, tokens, f"demo:{number}", description, by=by)


def _email(name: str) -> str:
    return f"{name.lower().replace(' ', '.')}@example.com"


def _spend(user_id: ObjectId, tokens: int, key: str, description: str, *, by: Actor) -> None:
    # A key that was used for another amount was used under other settings, by an earlier seeding.
    with suppress(KeyReused):
        token_accounts.spend(user_id, tokens, by=by, key=key, description=description)


def _tokens_of(tier: str) -> int:
    """What a new user of the tier begins with."""
    return int(current_app.config["TIERS"][tier]["limit"]) + int(current_app.config["INITIAL_TOKENS"])
