"""Dated changes of stored data: each is right however often it runs."""

import importlib

import pytest
from mongoengine.connection import get_db

from app.models.user import User
from app.services import token_accounts, user_list
from app.services.user_list import Filters
from tests.factories import OPERATOR, make_user


def run(name):
    importlib.import_module(f"app.migrations.{name}").run()


@pytest.mark.parametrize("times", [1, 2])
def test_users_from_before_the_list_can_be_searched_and_filtered(times):
    made = [make_user(f"old{n}@example.com", name=f"Old {n}") for n in range(5)]
    token_accounts.spend(made[0].id, 150_000, by=OPERATOR)
    get_db().users.update_many(
        {}, {"$unset": dict.fromkeys(("search", "out_of_tokens", "tokens_noted", "out_until"), "")}
    )
    for _ in range(times):
        run("m2026_11_21_users_in_lists")
    everybody, out = Filters(user_list.tiers()), Filters(user_list.tiers(), out_of_tokens=[True])
    assert [user.id for user in user_list.search("old", everybody).users] == [user.id for user in made[::-1]]
    assert [user.id for user in user_list.page(out)] == [made[0].id]
    assert len(user_list.page(everybody)) == 5


def test_users_without_an_account_are_counted_as_it_would_open(app, monkeypatch):
    monkeypatch.setitem(app.config, "INITIAL_TOKENS", 0)
    prepaid, _free = make_user(tier="prepaid"), make_user()
    get_db().users.update_many({}, {"$unset": dict.fromkeys(("search", "out_of_tokens"), "")})
    run("m2026_11_21_users_in_lists")
    out = Filters(user_list.tiers(), out_of_tokens=[True])
    assert [user.id for user in user_list.page(out)] == [prepaid.id]
    assert user_list.count(Filters(user_list.tiers(), out_of_tokens=[False])) == 1


def test_what_was_written_meanwhile_stays():
    ann = make_user(name="Ann")
    before = User.objects(id=ann.id).get().to_mongo()
    run("m2026_11_21_users_in_lists")
    assert User.objects(id=ann.id).get().to_mongo() == before
