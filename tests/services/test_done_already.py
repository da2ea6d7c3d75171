"""Nobody is told that something is done already, before a majority of the database's servers knows of it."""

from contextlib import contextmanager

import pytest
from mongoengine.connection import get_db
from pymongo.errors import WriteConcernError

from app import db, migrations
from app.services import order_steps, orders, review
from tests.buying import make_order
from tests.factories import OPERATOR, actor_of, make_admin, make_request, make_user


@contextmanager
def majority_away():
    """What was written before is not known to a majority, which nobody hears of in time."""

    def set_fail_point(mode, **data):
        get_db().client.admin.command("configureFailPoint", "failCommand", mode=mode, data=data)

    # Other tests share the server, but not the database.
    place = {"failCommands": ["update"], "namespace": f"{get_db().name}.{migrations.COLLECTION}"}
    set_fail_point("alwaysOn", **place, writeConcernError={"code": 64, "errmsg": "waiting for replication timed out"})
    try:
        yield
    finally:
        set_fail_point("off")


def decide():
    token_request, adam = make_request(), actor_of(make_admin())
    return lambda: review.approve(token_request, by=adam, response="Yes.").status


def confirm():
    order = make_order()
    return lambda: order_steps.confirm(order, by=OPERATOR).status


def hear_of_payment():
    order = make_order()
    return lambda: order_steps.paid(order, payment="pi_1")


def buy():
    user = make_user()
    return lambda: orders.place(user, package="basic", key="k", by=actor_of(user)).order.id


@pytest.mark.parametrize("begin", [decide, confirm, hear_of_payment, buy])
def test_a_repeat_waits_for_a_majority(begin):
    do = begin()
    first = do()
    with majority_away(), pytest.raises(WriteConcernError) as error:
        do()
    assert db.is_unanswered(error.value)
    assert do() == first
