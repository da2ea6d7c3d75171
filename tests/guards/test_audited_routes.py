"""Whatever an admin or a key changes by any address leaves its event in the audit trail, or it stands in a list why not."""

from app.models.audit_event import AuditEvent
from tests.factories import OPERATOR
from tests.guards.audited import AUDITED, UNAUDITED
from tests.guards.audited_scene import ADDRESS, Scene
from tests.guards.routes import routes


def test_every_route_that_writes_has_an_event_or_a_reason_to_have_none(app):
    writing = {route.endpoint for route in routes(app) if route.writes}
    assert writing == AUDITED.keys() | UNAUDITED.keys()
    assert AUDITED.keys() & UNAUDITED.keys() == set()


def test_each_of_them_leaves_its_event_once_with_the_address_and_the_id_of_the_call(app, monkeypatch):
    monkeypatch.setitem(app.config, "WEBHOOK_ALLOW_PRIVATE", True)
    scene, wrong = Scene(app), {}
    for endpoint, (action, way) in AUDITED.items():
        response = way(scene)
        # What the way there took was done by an operator.
        events = list(AuditEvent.objects(action=action, actor__id__ne=OPERATOR.id))
        told = [(event.address, event.request_id) for event in events]
        by_them = all(str(scene.admin.id) in (event.actor["id"], event.on_behalf_of) for event in events)
        expected = [(ADDRESS, response.headers["X-Request-ID"])]
        if response.status_code >= 400 or not by_them or told != expected:
            wrong[endpoint] = (response.status_code, told, expected, response.text[-300:])
        AuditEvent.objects.delete()
    assert wrong == {}
