"""A database of three that is broken under load: what was acknowledged is there, once, and service is back by itself."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from mongoengine import connect, disconnect

from app import db
from tests.faults import outages, small_disk
from tests.faults.replica_set import ReplicaSet
from tests.serving import over_http

CALLS = 300


@pytest.fixture
def name() -> str:
    """The fault to come, where a test does not say."""
    return next(iter(outages.FAULTS))


@pytest.fixture
def members(mongodb_uri: str, name: str) -> Iterator[ReplicaSet]:
    """A database of three for this test; the others have theirs afterwards."""
    with ExitStack() as stack:
        try:
            yield stack.enter_context(outages.database_for(name))
        except small_disk.NoDisk as reason:
            pytest.skip(str(reason))
        # While it answers: a client that takes its leave waits long for a server that does not.
        disconnect()
    connect(host=mongodb_uri, **db.CLIENT_OPTIONS)


def test_a_primary_killed_under_load_loses_and_doubles_nothing(members):
    app = outages.prepared(members.uri("tokendesk"))
    with app.app_context():
        with over_http(app) as url, outages.metered(url) as meter:
            meter.wait_for(CALLS // 2)
            members.primary().kill()
            meter.wait_for(CALLS // 2)
        report = outages.reported(app, meter)
    assert report.found == []
    assert report.tallies[0].acknowledged >= CALLS


@pytest.mark.long
@pytest.mark.parametrize("name", outages.FAULTS)
def test_whatever_happens_to_it_under_load_loses_and_doubles_nothing(members, name):
    assert outages.run(name, members, times=1, calls=CALLS).found == []
