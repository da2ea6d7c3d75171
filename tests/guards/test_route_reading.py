"""Looking changes nothing: each GET leaves the database as it was, but for the trail of who reads what others said."""

from datetime import timedelta

import pytest
import time_machine

from app import clock
from tests.factories import bearer, make_admin, sign_in
from tests.guards.routes import AUDITED_READING, World, call, everything, routes

# The owner may review, and what they take along of themselves is nobody else's business.
AUDITED = {
    "admin": set(AUDITED_READING),
    "owner": {"admin_request_export.requests_csv", "admin_request_export.requests_jsonl"},
}


@pytest.mark.parametrize("days", [0, 8], ids=["now", "after a renewal"])
@pytest.mark.parametrize("who", ["owner", "admin", "nobody", "key"])
def test_each_get_leaves_the_database_as_it_was(app, who, days):
    world = World(roles=["reviewer"])
    admin = make_admin()
    wrong, audited = {}, set()
    with time_machine.travel(clock.now() + timedelta(days=days)):
        client, headers = app.test_client(), {}
        if who == "key":
            headers = bearer(admin, "self", "requests.review", "usage.write")
        elif who != "nobody":
            sign_in(client, world.owner if who == "owner" else admin)
        for route in routes(app):
            if route.writes:
                continue
            before = everything()
            action, query = AUDITED_READING.get(route.endpoint, (None, None))
            response = call(app, client, route, world.named, headers=headers, query_string=query)
            assert response.status_code < 500, route
            after = everything()
            if entered := after["audit_events"][len(before["audit_events"]) :]:
                audited.add(route.endpoint)
                assert [event["action"] for event in entered] == [action], route
                del after["audit_events"][-1]
            if changed := [name for name in after if before.get(name, []) != after[name]]:
                wrong[str(route)] = changed
    assert wrong == {}
    assert audited == AUDITED.get(who, set())
