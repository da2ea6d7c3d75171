"""The demo's crypto tokens: some that are listed, and some that wait for a reviewer."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from app.models.actor import Actor
from app.models.domain_error import AlreadyListed, DailyLimit, Duplicate
from app.models.token_request import ListingRequest, Status
from app.models.user import User
from app.services import listing_requests, review, supports


@dataclass(frozen=True, slots=True)
class DemoToken:
    """A real token, or one that passes for it, with what its listing request says."""

    symbol: str
    name: str
    blockchain: str
    contract_address: str
    decimals: int
    reason: str
    is_listed: bool = False
    supporters: int = 0


TOKENS = [
    DemoToken(
        *("USDC", "USD Coin", "ethereum", "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", 6),
        reason="Our invoices are paid in it.",
        is_listed=True,
    ),
    DemoToken(
        *("USDT", "Tether USD", "tron", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", 6),
        reason="Most of our customers hold it.",
        is_listed=True,
    ),
    DemoToken(
        *("LINK", "ChainLink Token", "ethereum", "0x514910771AF9Ca656af840dff83E8264EcF986CA", 18),
        reason="Needed for the oracle dashboard.",
        is_listed=True,
    ),
    DemoToken(
        *("CAKE", "PancakeSwap Token", "bsc", "0x0E09FaBB73Bd3Ade0a17ECC321fD13a19e81cE82", 18),
        reason="One of the most traded on this chain.",
        is_listed=True,
    ),
    DemoToken(
        *("BONK", "Bonk", "solana", "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263", 5),
        reason="Our community asks for it.",
        is_listed=True,
    ),
    # Looks like the listed LINK, with a small l, at an address that begins and ends alike.
    DemoToken(
        *("LlNK", "ChainLink Token", "ethereum", "0x514910770000000000000000000000000af986ca", 18),
        reason="The official token, please list it today.",
    ),
    DemoToken(
        *("GRT", "Graph Token", "ethereum", "0xc944E90C64B2c07662A292be6244BDf05Cda44a7", 18),
        reason="We index our data with it and want to see its price beside the others.",
        supporters=3,
    ),
    DemoToken(
        *("AERO", "Aerodrome", "base", "0x940181a94A35A4569E4529A3CDfB74e38FD98631", 18),
        reason="The largest exchange on this chain.",
    ),
]


def seed(people: Sequence[User], *, by: Actor) -> None:
    """Makes what is missing: each token is asked for by one of `people`, once, whatever becomes of it."""
    for place, token in enumerate(TOKENS):
        owner, *others = [*people[place % len(people) :], *people[: place % len(people)]]
        # Someone may have asked for the token already, and the settings may allow fewer requests a day.
        with suppress(AlreadyListed, Duplicate, DailyLimit):
            token_request = _asked_for(token, owner)
            if token_request.status != Status.PENDING:
                continue
            if token.is_listed:
                review.approve(token_request, by=by)
            for user in others[: token.supporters]:
                supports.support(user, token_request.number, by=_as(user))


def _asked_for(token: DemoToken, owner: User) -> ListingRequest:
    found = ListingRequest.objects(user=owner.id, token_symbol=token.symbol).order_by("number").first()
    return found or listing_requests.submit(
        owner,
        token_symbol=token.symbol,
        token_name=token.name,
        blockchain=token.blockchain,
        contract_address=token.contract_address,
        decimals=token.decimals,
        reason=token.reason,
        by=_as(owner),
    )


def _as(user: User) -> Actor:
    return Actor("user", str(user.id), user.display_name)
