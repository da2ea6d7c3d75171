"""Placing orders: the price is fixed, the same form is one order, and nothing is credited before it is paid."""

import pytest

from app.models.audit_event import AuditEvent
from app.models.domain_error import InvalidInput, KeyReused, NotFound, TooManyOrders, UserInactive
from app.models.notification import Notification
from app.models.order import Order
from app.services import orders, packages, token_accounts, user_changes, users
from tests.buying import came_of, make_order
from tests.factories import OPERATOR, actor_of, make_admin, make_user


@pytest.fixture
def ada():
    return make_user("ada@example.com", name="Ada")


def place(user, package="basic", key="k", **values):
    return orders.place(user, package=package, key=key, by=actor_of(user), **values)


def test_an_order_carries_the_package_as_it_was_when_it_was_made(app, monkeypatch, ada):
    order = place(ada).order
    assert (order.number, order.status, order.provider) == (1, "created", "manual")
    assert (order.tokens, order.price_minor, order.amount, order.currency) == (50_000, 14_900, 149, "RUB")
    monkeypatch.setitem(app.config, "PACKAGES", {"basic": {"tokens": 1, "price": 1}})
    assert orders.by_id(order.id).tokens == 50_000


def test_nothing_is_credited_by_ordering(ada):
    before = token_accounts.view(ada.id).available
    order = place(ada).order
    assert token_accounts.view(ada.id).available == before
    assert came_of(order) == {}


def test_the_same_key_is_the_same_order_even_after_the_price_has_changed(app, monkeypatch, ada):
    first = place(ada)
    monkeypatch.setitem(
        app.config, "PACKAGES", {"basic": {"tokens": 1, "price": 1}, "extended": {"tokens": 2, "price": 2}}
    )
    again = place(ada, amount=149)
    assert (first.replayed, again.replayed, again.order.id) == (False, True, first.order.id)
    for other in ({"package": "extended"}, {"tokens": 1}, {"amount": 1}):
        with pytest.raises(KeyReused):
            place(ada, **other)
    assert place(make_user()).order.id != first.order.id


def test_the_same_form_sent_by_twenty_at_once_is_one_order(ada, threads):
    outcomes = threads(lambda _i: place(ada).order.id, 20)
    assert len(set(outcomes)) == 1
    assert Order.objects.count() == 1


def test_what_does_not_fit_the_package_is_refused_by_field(ada):
    for values, field in [
        ({"package": "golden"}, "package"),
        ({"package": ""}, "package"),
        ({"package": {"$ne": None}}, "package"),
        ({"tokens": 50_001}, "tokens"),
        ({"amount": 148}, "amount"),
        ({"amount": 0}, "amount"),
    ]:
        with pytest.raises(InvalidInput) as refusal:
            place(ada, **values)
        assert list(refusal.value.errors) == [field], values
    assert Order.objects.count() == 0


def test_nobody_has_more_than_twenty_orders_to_pay(ada):
    for n in range(orders.MOST_OPEN):
        place(ada, key=str(n))
    with pytest.raises(TooManyOrders):
        place(ada, key="one more")
    assert place(ada, key="0").replayed


def test_who_is_deactivated_buys_nothing(ada):
    user_changes.deactivate(ada.id, by=OPERATOR)
    with pytest.raises(UserInactive):
        place(users.get(ada.id))


def test_an_order_by_a_program_is_in_the_trail(ada):
    order = orders.place(ada, package="basic", key="k", by=OPERATOR).order
    [event] = AuditEvent.objects(action="order.create")
    assert event.object == {"kind": "order", "id": str(order.id), "number": order.number}


def test_an_order_is_found_by_number_and_id_and_by_its_owner_only(ada):
    order = make_order(ada)
    assert orders.find("1").id == orders.find(str(order.id)).id == orders.own(ada.id, 1).id == order.id
    for reference in ("0", "2", "-1", "abc", "", "#1", "１", "9" * 40, "f" * 24):
        with pytest.raises(NotFound):
            orders.find(reference)
    with pytest.raises(NotFound):
        orders.own(make_user().id, 1)


def test_own_orders_come_newest_first_in_pages(ada):
    make_order()
    numbers = [make_order(ada).number for _ in range(3)]
    assert [one.number for one in orders.mine(ada.id, limit=2)] == [numbers[2], numbers[1]]
    assert [one.number for one in orders.mine(ada.id, before=numbers[1])] == [numbers[0]]


def test_an_index_serves_a_users_orders(ada):
    for user in (ada, make_user()) * 3:
        make_order(user)
    plan = Order.objects.of(ada.id).newest_first().limit(2).explain()
    assert "'SORT'" not in str(plan["queryPlanner"]["winningPlan"])
    assert plan["executionStats"]["totalDocsExamined"] <= 2


@pytest.mark.parametrize(("currency", "minor"), [("RUB", 14_900), ("EUR", 14_900), ("JPY", 149), ("KWD", 149_000)])
def test_prices_are_counted_in_the_minor_units_of_their_currency(app, monkeypatch, currency, minor):
    monkeypatch.setitem(app.config, "CURRENCY", currency)
    package = packages.named("basic", amount=149)
    assert (package.price_minor, package.amount) == (minor, 149)


def test_who_manages_billing_hears_of_an_order_to_confirm_once_an_hour(ada):
    """But not of their own: somebody else confirms that."""
    admin, reviewer = make_admin(), make_user(roles=["reviewer"])
    for key in ("one", "two"):
        place(ada, key=key)
    place(admin, key="own")
    told = [one.kind for one in Notification.objects(user=admin.id)]
    assert (told, Notification.objects(user=reviewer.id).count()) == (["order_waiting"], 0)
    assert Notification.objects(user=admin.id).get().url == "/admin/orders/1"


def test_of_an_order_at_stripe_nobody_has_to_hear(ada, stripe):
    admin = make_admin()
    place(ada)
    assert Notification.objects(user=admin.id).count() == 0
