"""A database that fails on purpose: what was not acknowledged is unknown, what was acknowledged is never lost."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from mongoengine.connection import get_db
from pymongo.errors import BulkWriteError

from app.models.domain_error import Unavailable
from app.models.user import User
from app.services import account_commit, token_accounts
from tests.account_soundness import sound_entries
from tests.factories import OPERATOR, make_user

# The write was done, but no majority has said so.
UNHEARD = {"writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"}}
# Nothing was done.
TIMED_OUT = {"errorCode": 50}
Failing = Callable[..., Any]


@pytest.fixture
def failing() -> Iterator[Failing]:
    """`with failing(command, collection, how)`: each such command fails in the block."""

    def set_fail_point(mode: str, data: dict[str, Any] | None = None) -> None:
        get_db().client.admin.command({"configureFailPoint": "failCommand", "mode": mode, "data": data or {}})

    @contextmanager
    def fails(command: str, collection: str, how: dict[str, Any]) -> Iterator[None]:
        # Other tests share the server, but not the database.
        place = {"failCommands": [command], "namespace": f"{get_db().name}.{collection}"}
        set_fail_point("alwaysOn", {**place, **how})
        try:
            yield
        finally:
            set_fail_point("off")

    yield fails
    set_fail_point("off")


@pytest.fixture
def user() -> User:
    """Somebody with 150,000 tokens, of which 1 was spent."""
    made = make_user()
    token_accounts.spend(made.id, 1, by=OPERATOR)
    return made


def amounts(user: User) -> list[int]:
    return [entry["amount"] for entry in sound_entries(user.id)[3:]]


GENERAL = {"key": "call-1"}
PLACES = [
    pytest.param("update", GENERAL, UNHEARD, True, id="general write, done"),
    pytest.param("update", GENERAL, TIMED_OUT, False, id="general write, not done"),
    pytest.param("find", GENERAL, TIMED_OUT, False, id="reading"),
    pytest.param("findAndModify", {}, UNHEARD, True, id="short cut, done"),
    pytest.param("findAndModify", {}, TIMED_OUT, False, id="short cut, not done"),
]


@pytest.mark.parametrize(("command", "values", "how", "done"), PLACES)
def test_what_the_database_does_not_acknowledge_is_unavailable_and_is_not_tried_again(
    user, failing, command, values, how, done
):
    with failing(command, "token_accounts", how), pytest.raises(Unavailable):
        token_accounts.spend(user.id, 7, by=OPERATOR, **values)
    assert amounts(user) == [-7] * done


@pytest.mark.parametrize("how", [UNHEARD, TIMED_OUT], ids=["done", "not done"])
def test_the_same_key_makes_it_safe_to_try_again(user, failing, how):
    with failing("update", "token_accounts", how), pytest.raises(Unavailable):
        token_accounts.spend(user.id, 7, by=OPERATOR, key="call-1")
    again = token_accounts.spend(user.id, 7, by=OPERATOR, key="call-1")
    assert (again.available, again.replayed) == (149_992, how is UNHEARD)
    assert amounts(user) == [-7]


def test_an_account_whose_making_nobody_heard_of_is_there(failing):
    newcomer = make_user()
    with failing("insert", "token_accounts", UNHEARD), pytest.raises(Unavailable):
        token_accounts.spend(newcomer.id, 7, by=OPERATOR, key="call-1")
    assert token_accounts.spend(newcomer.id, 7, by=OPERATOR, key="call-1").replayed
    assert [entry["amount"] for entry in sound_entries(newcomer.id)] == [100_000, 50_000, -7]


def test_a_key_is_not_taken_for_new_while_the_ledger_does_not_answer(user, failing):
    token_accounts.spend(user.id, 7, by=OPERATOR, key="call-1")
    account_commit.drain(user.id)
    with failing("find", "ledger_entries", TIMED_OUT), pytest.raises(Unavailable):
        token_accounts.spend(user.id, 7, by=OPERATOR, key="call-1")
    assert amounts(user) == [-7]


@pytest.mark.parametrize("how", [UNHEARD, TIMED_OUT], ids=["done", "not done"])
def test_entries_do_not_leave_the_account_before_a_majority_has_them(user, failing, how):
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


def test_an_operation_is_done_though_copying_fails(user, failing):
    for _ in range(46):
        token_accounts.spend(user.id, 1, by=OPERATOR)
    with failing("insert", "ledger_entries", TIMED_OUT):
        # The fiftieth entry: its writer copies.
        assert token_accounts.spend(user.id, 1, by=OPERATOR).available == 149_952
    assert get_db().ledger_entries.count_documents({}) == 0
    assert amounts(user) == [-1] * 47


def test_an_operation_is_done_though_its_notice_fails(user, failing):
    with failing("insert", "notifications", TIMED_OUT):
        outcome = token_accounts.spend(user.id, 90_000, by=OPERATOR)
    assert outcome.available == 59_999
    assert [item["arguments"]["kind"] for item in get_db().token_accounts.find_one()["due"]] == ["allowance_80"]
