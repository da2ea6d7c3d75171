"""A database that fails on purpose: what was not acknowledged is unknown, what was acknowledged is never lost."""

import pytest
from mongoengine.connection import get_db
from pymongo.errors import BulkWriteError

from app import clock
from app.models.account import Operation
from app.models.domain_error import Unavailable
from app.models.user import User
from app.services import account_commit, account_short_cut, token_accounts
from tests.account_soundness import sound_entries
from tests.factories import OPERATOR, make_user
from tests.fail_point import failing

# The write was done, but no majority has said so.
UNHEARD = {"writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"}}
# Nothing was done.
TIMED_OUT = {"errorCode": 50}
# The server hangs up before it answers.
BROKEN = {"closeConnection": True}


@pytest.fixture
def user() -> User:
    """Somebody with 150,000 tokens, of which 1 was spent."""
    made = make_user()
    token_accounts.spend(made.id, 1, by=OPERATOR)
    return made


def amounts(user: User) -> list[int]:
    return [entry["amount"] for entry in sound_entries(user.id)[3:]]


KEYED = {"key": "call-1"}
PLACES = [
    pytest.param("find", KEYED, TIMED_OUT, False, id="reading"),
    pytest.param("findAndModify", KEYED, UNHEARD, True, id="short cut with a key, done"),
    pytest.param("findAndModify", KEYED, TIMED_OUT, False, id="short cut with a key, not done"),
    pytest.param("findAndModify", {}, UNHEARD, True, id="short cut, done"),
    pytest.param("findAndModify", {}, TIMED_OUT, False, id="short cut, not done"),
]


@pytest.mark.parametrize(("command", "values", "how", "done"), PLACES)
def test_what_the_database_does_not_acknowledge_is_unavailable_and_is_not_tried_again(user, command, values, how, done):
    with failing(command, "token_accounts", how), pytest.raises(Unavailable):
        token_accounts.spend(user.id, 7, by=OPERATOR, **values)
    assert amounts(user) == [-7] * done


@pytest.mark.parametrize("how", [UNHEARD, TIMED_OUT], ids=["done", "not done"])
@pytest.mark.parametrize("command", ["update", "findAndModify"], ids=["general write", "short cut"])
def test_the_same_key_makes_it_safe_to_try_again(user, command, how):
    do = token_accounts.hold if command == "update" else token_accounts.spend
    with failing(command, "token_accounts", how), pytest.raises(Unavailable):
        do(user.id, 7, by=OPERATOR, key="call-1")
    again = do(user.id, 7, by=OPERATOR, key="call-1")
    assert (again.available, again.replayed) == (149_992, how is UNHEARD)
    assert amounts(user) == [0 if command == "update" else -7]


# --- a short cut whose connection breaks is tried again, and done once ------------------------------------------------


def plain_spend(tokens: int = 7, key: str | None = None) -> Operation:
    return Operation("spend", {"tokens": tokens}, OPERATOR.stamp(), clock.now(), key=key)


@pytest.mark.parametrize("key", [None, "call-1"], ids=["without a key", "with a key"])
def test_a_spend_whose_connection_breaks_is_done(user, key):
    with failing("findAndModify", "token_accounts", BROKEN):
        outcome = token_accounts.spend(user.id, 7, by=OPERATOR, key=key)
    assert (outcome.available, outcome.replayed) == (149_992, False)
    assert amounts(user) == [-7]


@pytest.mark.parametrize("copied", [False, True], ids=["waiting", "copied"])
def test_a_spend_that_was_done_before_its_connection_broke_is_found(user, copied):
    operation = plain_spend()
    (first,) = account_short_cut.spend(user.id, [operation])
    if copied:
        account_commit.drain(user.id)
    with failing("findAndModify", "token_accounts", BROKEN):
        (second,) = account_short_cut.spend(user.id, [operation])
    assert second == first
    assert amounts(user) == [-7]


def test_a_first_attempt_that_comes_after_the_second_does_nothing(user):
    operations = [plain_spend(), plain_spend(8)]
    with failing("findAndModify", "token_accounts", BROKEN):
        account_short_cut.spend(user.id, operations)
    # The same update with the same guard, which the server may have had in hand all the while.
    assert account_short_cut.spend(user.id, operations) is None
    assert amounts(user) == [-7, -8]


def test_what_may_still_be_done_is_not_said_to_be_refused(user):
    with failing("findAndModify", "token_accounts", BROKEN), pytest.raises(Unavailable):
        token_accounts.spend(user.id, 150_000, by=OPERATOR)
    assert amounts(user) == []


def test_an_account_whose_making_nobody_heard_of_is_there():
    newcomer = make_user()
    with failing("insert", "token_accounts", UNHEARD), pytest.raises(Unavailable):
        token_accounts.spend(newcomer.id, 7, by=OPERATOR, key="call-1")
    assert token_accounts.spend(newcomer.id, 7, by=OPERATOR, key="call-1").replayed
    assert [entry["amount"] for entry in sound_entries(newcomer.id)] == [100_000, 50_000, -7]


def test_a_key_is_not_taken_for_new_while_the_ledger_does_not_answer(user):
    token_accounts.spend(user.id, 7, by=OPERATOR, key="call-1")
    account_commit.drain(user.id)
    with failing("find", "ledger_entries", TIMED_OUT), pytest.raises(Unavailable):
        token_accounts.spend(user.id, 7, by=OPERATOR, key="call-1")
    assert amounts(user) == [-7]


@pytest.mark.parametrize("how", [UNHEARD, TIMED_OUT], ids=["done", "not done"])
def test_entries_do_not_leave_the_account_before_a_majority_has_them(user, how):
    token_accounts.spend(user.id, 7, by=OPERATOR)
    waiting = get_db().token_accounts.find_one()["entries"]
    with failing("insert", "ledger_entries", how):
        with pytest.raises(Exception) as error:
            account_commit.copy(user.id)
        assert isinstance(error.value, BulkWriteError) or how is TIMED_OUT
        assert get_db().token_accounts.find_one()["entries"] == waiting
        if how is UNHEARD:
            # Neither do those that are found to be there, while it is not known of a majority.
            with pytest.raises(BulkWriteError):
                account_commit.copy(user.id)
            assert get_db().token_accounts.find_one()["entries"] == waiting
    account_commit.drain(user.id)
    assert get_db().token_accounts.find_one()["entries"] == []
    assert amounts(user) == [-7]


def test_an_operation_is_done_though_copying_fails(user):
    for _ in range(46):
        token_accounts.spend(user.id, 1, by=OPERATOR)
    with failing("insert", "ledger_entries", TIMED_OUT):
        # The fiftieth entry: its writer copies.
        assert token_accounts.spend(user.id, 1, by=OPERATOR).available == 149_952
    assert get_db().ledger_entries.count_documents({}) == 0
    assert amounts(user) == [-1] * 47


def test_an_operation_is_done_though_its_notice_fails(user):
    with failing("insert", "notifications", TIMED_OUT):
        outcome = token_accounts.spend(user.id, 90_000, by=OPERATOR)
    assert outcome.available == 59_999
    assert [item["arguments"]["kind"] for item in get_db().token_accounts.find_one()["due"]] == ["allowance_80"]
