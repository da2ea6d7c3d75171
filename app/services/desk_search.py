"""What a reviewer types into the desk's search: the number of a request, whose requests, or for which crypto token."""

import re
from dataclasses import dataclass, replace

from bson import ObjectId

from app.models.domain_error import NotFound
from app.models.token_request import TokenRequest
from app.services import desk, search_words, user_list, users

LONGEST = 100
# Requests of so many people are listed from an index, whatever else is asked of them.
MOST_USERS = 20
_NUMBER = re.compile(r"#?\s*([0-9]{1,15})")


@dataclass(frozen=True, slots=True)
class Sought:
    """What a search leads to; nothing is set where nothing is sought, and no `users` at all are nobody's.

    `terms` are the words that crypto tokens are found by. `more` says that others would fit too, which are not listed.
    """

    number: int | None = None
    users: list[ObjectId] | None = None
    terms: list[str] | None = None
    more: bool = False


def sought(text: str) -> Sought:
    """The request that `text` numbers, as #42 or 42; else the users whom it names, by e-mail, id, external id, phone or name,
    and the tokens of which the symbol or a word of the name begins with it.
    """
    text = text.strip()
    if not text:
        return Sought()
    if number := _number(text):
        return Sought(number=number)
    found = user_list.search(text, user_list.Filters(user_list.tiers()), limit=MOST_USERS)
    terms = words(text)
    more = found.more or len(terms) == search_words.MOST_WORDS
    return Sought(users=[user.id for user in found.users], terms=terms, more=more)


def narrowed(filters: desk.Filters, sought: Sought, chosen: list[ObjectId] | None = None) -> desk.Filters:
    """The filters with what was sought, among the requests of the `chosen` users where some are chosen."""
    filters = replace(filters, number=sought.number)
    if chosen is None:
        return replace(filters, users=sought.users, or_terms=sought.terms)
    if sought.users is None or set(chosen) <= set(sought.users):
        return replace(filters, users=chosen)
    return replace(filters, users=chosen, terms=sought.terms)


def words(text: str) -> list[str]:
    """The words of symbols and names of crypto tokens, as requests have them, that begin with `text`."""
    return search_words.beginning_with(text, TokenRequest._get_collection(), desk.BY_WORD)


def named(reference: str) -> list[ObjectId]:
    """The one user with this id or e-mail; nobody where there is none."""
    try:
        return [users.find(reference).id]
    except NotFound:
        return []


def _number(text: str) -> int | None:
    """Digits may be somebody's phone or external id too, so without the # they are a number only if some request has it."""
    matched = _NUMBER.fullmatch(text)
    if matched is None:
        return None
    number = int(matched[1])
    is_taken = text.startswith("#") or TokenRequest._get_collection().find_one({"number": number}, {"_id": 1})
    return number if is_taken else None
