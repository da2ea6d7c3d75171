"""Nobody is told that something is done already, before a majority of the database's servers knows of it."""

from contextlib import contextmanager

import pytest
from pymongo.errors import WriteConcernError

from app import db, migrations
from app.services import order_steps, orders, review
from tests.buying import make_order
from tests.factories import OPERATOR, actor_of, make_admin, make_request, make_user
from tests.fail_point import failing


@contextmanager
def majority_away():
    """What was written before is not known to a majority, which nobody hears of in time."""
    unheard = {"writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"}}
    with failing("update", migrations.COLLECTION, unheard):
        yield


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
