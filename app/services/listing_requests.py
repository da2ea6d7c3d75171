"""Listing requests: a user asks for a crypto token to be put into the catalogue."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId
from flask import current_app
from pymongo.errors import DuplicateKeyError

from app import clock
from app.models.actor import Actor
from app.models.blockchain import BLOCKCHAINS, BadAddress, canonical_address, looks_like
from app.models.domain_error import (
    N_,
    AlreadyListed,
    Busy,
    DomainError,
    Duplicate,
    FieldError,
    InvalidInput,
    UserInactive,
)
from app.models.due_item import due_item
from app.models.lookalike import plain_symbol, skeleton
from app.models.plain_text import plain_line, plain_text
from app.models.search_words import token_terms
from app.models.token_request import ListingRequest, Status, TokenRequest
from app.models.user import User
from app.services import submissions, supports, token_accounts
from app.services.submissions import Eligibility

KIND = ListingRequest.KIND
LONGEST_SYMBOL = 20
LONGEST_NAME = 255
LONGEST_ADDRESS = 255
LONGEST_REASON = 5_000
MOST_DECIMALS = 255
MOST_FACTS = 20
LONGEST_FACT_NAME = 50
LONGEST_FACT = 500
# Marks that turn the direction of what follows: a name with one is not read as it is stored.
BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def can_submit(user: User) -> Eligibility:
    """Whether `user` may ask for a listing now, and if not, why and when again: None, daily_limit or inactive."""
    a_day = _a_day()
    today = submissions.submitted_today(KIND, user.id, a_day)
    code, next_at = None, None
    if not user.active:
        code = "inactive"
    elif today >= a_day:
        code, next_at = "daily_limit", submissions.next_day()
    return Eligibility(
        can_request=code is None,
        has_pending=False,
        requests_today=today,
        max_requests_per_day=a_day,
        reason_code=code,
        next_allowed_at=next_at,
    )


@dataclass(frozen=True, slots=True)
class Hint:
    """What an address looks like: keys of blockchains, where the chosen one is not among them; and why it is not taken."""

    chains: Sequence[str] = ()
    refusal: DomainError | None = None


def hint(user: User, *, blockchain: str, contract_address: str) -> Hint:
    """What to tell whoever is typing an address; nothing is written, and nothing refused."""
    chains = looks_like(contract_address[:LONGEST_ADDRESS])
    with suppress(KeyError, BadAddress):
        slot = ListingRequest.slot_for(blockchain, canonical_address(blockchain, contract_address))
        holder = submissions.slot_holder(slot)
        return Hint(refusal=_taken(holder, user.id) if holder else None)
    return Hint(chains)


def submit(
    user: User,
    *,
    token_symbol: str,
    token_name: str,
    blockchain: str,
    contract_address: str | None = None,
    decimals: int | None = None,
    reason: str | None = None,
    additional_info: Mapping[str, str] | None = None,
    by: Actor,
) -> ListingRequest:
    """Asks for a token to be listed.

    Raises `InvalidInput` with all fields that are wrong, `UserInactive`, `AlreadyListed` or `Duplicate` where the address
    is in the catalogue or asked for (they win over the cap), or `DailyLimit`.
    """
    fields = _checked(
        token_symbol=token_symbol,
        token_name=token_name,
        blockchain=blockchain,
        contract_address=contract_address,
        decimals=decimals,
        reason=reason,
        additional_info=additional_info,
    )
    if not user.active:
        raise UserInactive
    account = token_accounts.view(user.id)
    usage = {"token_count": account.used, "request_count": account.period_calls}

    def taken(holder: Mapping[str, Any]) -> DomainError:
        return _taken(holder, user.id)

    return submissions.submit(ListingRequest, user, by=by, taken=taken, a_day=_a_day(), usage=usage, **fields)


def edit(token_request: ListingRequest, *, version: int, **given: Any) -> TokenRequest:
    """Changes what the owner asked for while the request is pending; `given` is what `submit` takes.

    Another address is another slot, which the one update takes and leaves; who supported the old one does not count any more,
    and hears of it.
    """
    fields = _checked(**given)
    slot = ListingRequest(**fields).slot
    follows = []
    if token_request.slot not in (None, slot):
        key = f"request:{token_request.id}:edit:{version}"
        follows.append(supports.news(token_request, key=key, at=clock.now(), listed=False))
    try:
        return submissions.edit(token_request, version=version, fields={**fields, "open_key": slot}, follows=follows)
    except DuplicateKeyError:
        holder = submissions.slot_holder(str(slot))
        if holder is None:
            raise Busy from None  # Whoever had the address has just left it.
        raise _taken(holder, token_request.user) from None


def list_token(
    token_request: TokenRequest, *, key: str, by: Actor, at: datetime, granted: int | None
) -> dict[str, Any]:
    """What is due with an approval: the token is in the catalogue."""
    return due_item(key, "catalogue.add", at=at, request=token_request.id)


def unlist_token(
    token_request: TokenRequest, *, key: str, by: Actor, at: datetime, granted: int | None
) -> dict[str, Any]:
    """What is due with a revocation: the token is out of the catalogue."""
    return due_item(key, "catalogue.take_out", at=at, adds=token_request.approval_key)


def slot_kept_by() -> frozenset[Status]:
    """A listed token is not asked for again: of an approval at the same time as another submission, the insert decides."""
    return frozenset({Status.APPROVED})


def _checked(
    *,
    token_symbol: Any,
    token_name: Any,
    blockchain: Any,
    contract_address: Any = None,
    decimals: Any = None,
    reason: Any = None,
    additional_info: Any = None,
) -> dict[str, Any]:
    """The fields as they are stored, None where there is nothing; raises `InvalidInput` with all that are wrong."""
    checks = {
        "token_symbol": lambda: plain_symbol(token_symbol, "token_symbol", most=LONGEST_SYMBOL),
        "token_name": lambda: _name(token_name),
        "blockchain": lambda: _known(blockchain),
        "contract_address": lambda: _canonical(blockchain, contract_address) if contract_address else None,
        "decimals": lambda: _whole(decimals) if decimals is not None else None,
        "reason": lambda: plain_text(reason, "reason", most=LONGEST_REASON) if reason else None,
        "facts": lambda: _facts(additional_info) if additional_info else None,
    }
    fields, errors = _all_of(checks)
    if errors:
        raise InvalidInput(errors=errors)
    fields["symbol_skeleton"] = skeleton(fields["token_symbol"])
    fields["search"] = token_terms(fields["token_symbol"], fields["token_name"])
    return fields


def _all_of(checks: Mapping[str, Callable[[], Any]]) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """What each check gives, and what those say that refuse: whoever fills in a form wants to hear of everything at once."""
    fields: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for name, check in checks.items():
        try:
            fields[name] = check()
        except InvalidInput as refusal:
            errors |= refusal.errors
    return fields, errors


def _name(token_name: Any) -> str:
    name = plain_line(token_name, "token_name", least=1, most=LONGEST_NAME)
    if any(one in BIDI_CONTROLS for one in name) or not skeleton(name):
        raise InvalidInput(errors={"token_name": [N_("Contains characters that cannot be seen.")]})
    return name


def _known(blockchain: Any) -> str:
    if not isinstance(blockchain, str) or blockchain not in BLOCKCHAINS:
        known = FieldError(N_("Must be one of: %(known)s."), known=", ".join(BLOCKCHAINS))
        raise InvalidInput(errors={"blockchain": [known]})
    return blockchain


def _canonical(blockchain: Any, contract_address: Any) -> str | None:
    address = plain_line(contract_address, "contract_address", most=LONGEST_ADDRESS)
    if not address or not isinstance(blockchain, str) or blockchain not in BLOCKCHAINS:
        return None  # What is wrong then is the blockchain.
    try:
        return canonical_address(blockchain, address)
    except BadAddress as error:
        raise InvalidInput(errors={"contract_address": [error.text, *_elsewhere(address)]}) from None


def _elsewhere(address: str) -> list[str]:
    """A sentence about where it would be an address, if anywhere."""
    chains = ", ".join(BLOCKCHAINS[key].label for key in looks_like(address))
    return [FieldError(N_("This looks like an address on %(chains)s."), chains=chains)] if chains else []


def _whole(decimals: Any) -> int:
    if type(decimals) is not int or not 0 <= decimals <= MOST_DECIMALS:
        text = FieldError(N_("Must be a whole number from %(least)s to %(most)s."), least=0, most=MOST_DECIMALS)
        raise InvalidInput(errors={"decimals": [text]})
    return decimals


def _facts(additional_info: Any) -> list[dict[str, str]]:
    """The pairs as they are stored; in the order in which they were given."""
    if not isinstance(additional_info, Mapping) or len(additional_info) > MOST_FACTS:
        text = FieldError(N_("Must be at most %(most)s names, each with a text."), most=MOST_FACTS)
        raise InvalidInput(errors={"additional_info": [text]})
    field = "additional_info"
    facts = [
        {
            "name": plain_line(name, field, least=1, most=LONGEST_FACT_NAME),
            "value": plain_text(value, field, most=LONGEST_FACT),
        }
        for name, value in additional_info.items()
    ]
    if len({fact["name"] for fact in facts}) < len(facts):
        raise InvalidInput(errors={field: [N_("Use each name once.")]})
    return facts


def _taken(holder: Mapping[str, Any], user_id: ObjectId) -> DomainError:
    """The refusal of a token that is listed or asked for; never says who asked."""
    token_request = ListingRequest.objects.get(id=holder["_id"])
    symbol, number = token_request.token_symbol, token_request.number
    if token_request.status == Status.APPROVED:
        listed = AlreadyListed(symbol=symbol, number=number)
        listed.beside = {"existing": {"number": number, "token_symbol": symbol}}
        return listed
    supporters = supports.count(token_request)
    duplicate = Duplicate(
        number=number,
        symbol=symbol,
        supporters=supporters,
        own=token_request.user == user_id,
        is_supporter=supports.does(user_id, token_request),
    )
    duplicate.beside = {"existing": {"number": number, "token_symbol": symbol, "supporters": supporters}}
    return duplicate


def _a_day() -> int:
    return int(current_app.config["LISTING_REQUESTS_A_DAY"])
