"""Numbered pages of a ledger: the same wherever its entries are, and each entry once."""

from datetime import timedelta

import pytest
import time_machine
from bson import ObjectId
from mongoengine.connection import get_db

from app import clock
from app.models.account import EntryType
from app.models.domain_error import NotFound, UseCursor
from app.services import account_commit, ledger, ledger_pages, token_accounts
from app.services.account_moment import Choice
from tests.factories import OPERATOR, make_user
from tests.services.test_ledger import COPIED, copy_some
from tests.statements import Statements

CHOICES = {
    "all": ledger.choice(),
    "all with holds": ledger.choice(with_holds=True),
    "usage": ledger.choice([EntryType.USAGE]),
    "rising": Choice(frozenset(EntryType), rising=True),
    "not rising": Choice(frozenset(EntryType), rising=False),
    "rare": ledger.choice([EntryType.GRANT, EntryType.EXPIRY]),
    "none": ledger.choice([]),
}


@pytest.fixture
def user():
    """Somebody with eleven entries of five types."""
    made = make_user()
    for tokens in (1, 2, 3):
        token_accounts.spend(made.id, tokens, by=OPERATOR)
    for _ in range(2):
        token_accounts.release(token_accounts.hold(made.id, 9, by=OPERATOR).hold_id, by=OPERATOR)
    token_accounts.reset(made.id, by=OPERATOR, reason="Again")
    token_accounts.spend(made.id, 4, by=OPERATOR)
    return made


@pytest.mark.parametrize("copied", COPIED)
@pytest.mark.parametrize("chosen", CHOICES.values(), ids=CHOICES)
def test_pages_add_up_to_the_whole_wherever_the_entries_are(user, copied, chosen):
    expected = [entry for entry in ledger.history(user.id, with_holds=True) if chosen.takes(entry)]
    copy_some(user, copied)
    for limit in (1, 2, 5, 50):
        seen = []
        for number in range(1, 13):
            page = ledger_pages.page(user.id, chosen, number=number, limit=limit)
            assert page.total == len(expected)
            seen += page.entries
        assert [entry["seq"] for entry in seen] == [entry["seq"] for entry in expected]


@pytest.mark.parametrize("copied", COPIED)
def test_pages_go_on_below_an_entry(user, copied):
    copy_some(user, copied)
    whole = [entry["seq"] for entry in ledger.history(user.id)]
    for place, before in enumerate(whole, start=1):
        second = ledger_pages.page(user.id, ledger.choice(), number=2, limit=2, before_seq=before)
        assert [entry["seq"] for entry in second.entries] == whole[place + 2 : place + 4]
        assert second.total == len(whole)


def test_an_entry_that_is_copied_meanwhile_is_counted_and_shown_once(user, statements: Statements):
    copy_some(user, 4)
    before = ledger_pages.page(user.id, ledger.choice(), number=2, limit=3)
    with statements.meanwhile("find ledger_entries", lambda: account_commit.drain(user.id)) as fate:
        page = ledger_pages.page(user.id, ledger.choice(), number=2, limit=3)
    assert fate.happened
    assert [entry["seq"] for entry in page.entries] == [entry["seq"] for entry in before.entries]
    assert page.total == before.total == 7


def test_what_time_has_brought_is_counted(user):
    with time_machine.travel(clock.now() + timedelta(days=8)):
        page = ledger_pages.page(user.id, ledger.choice([EntryType.RENEWAL]), number=1, limit=50)
        assert (page.total, page.entries[0]["at"]) == (2, token_accounts.view(user.id).period_start)


@pytest.mark.parametrize(("number", "limit"), [(10_001, 1), (101, 100)])
def test_a_page_may_be_ten_thousand_entries_away_and_no_further(user, number, limit):
    assert ledger_pages.page(user.id, ledger.choice(), number=number, limit=limit).entries == []
    with pytest.raises(UseCursor):
        ledger_pages.page(user.id, ledger.choice(), number=number + 1, limit=limit)


def test_nobodys_ledger_has_no_pages():
    with pytest.raises(NotFound):
        ledger_pages.page(ObjectId(), ledger.choice(), number=1, limit=50)


def test_what_an_account_will_begin_with_is_counted_and_shown():
    page = ledger_pages.page(make_user().id, ledger.choice(), number=1, limit=50)
    assert ([entry["type"] for entry in page.entries], page.total) == (["grant", "renewal"], 2)


@pytest.mark.parametrize("copied", COPIED)
def test_the_whole_is_read_from_the_first_in_batches(user, copied, monkeypatch):
    monkeypatch.setattr(ledger, "EXPORT_BATCH", 2)
    copy_some(user, copied)
    assert [entry["seq"] for entry in ledger.whole(user.id, ledger.choice())] == [1, 2, 3, 4, 5, 10, 11]
    assert [entry["seq"] for entry in ledger.whole(user.id, ledger.choice(with_holds=True))] == list(range(1, 12))
    assert [entry["seq"] for entry in ledger.whole(user.id, ledger.choice([EntryType.USAGE]))] == [3, 4, 5, 11]
    assert [entry["seq"] for entry in ledger.whole(make_user().id, ledger.choice())] == [1, 2]


def test_the_whole_ends_where_it_was_when_the_reading_began(user, monkeypatch):
    monkeypatch.setattr(ledger, "EXPORT_BATCH", 2)
    copy_some(user, 5)
    reading, seen = ledger.whole(user.id, ledger.choice(with_holds=True)), []
    for n, entry in enumerate(reading, start=1):
        seen.append(entry["seq"])
        if n % 3 == 0:
            token_accounts.spend(user.id, 1, by=OPERATOR)
            account_commit.drain(user.id)
    assert seen == list(range(1, 12))
    assert get_db().ledger_entries.count_documents({}) == 14
