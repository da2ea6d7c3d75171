"""Whatever an admin or a key changes by any address leaves its event in the audit trail, or it stands in a list why not."""

from app.models.audit_event import AuditEvent
from tests.guards.audited import AUDITED, UNAUDITED
from tests.guards.audited_scene import Scene
from tests.guards.routes import routes


def test_every_route_that_writes_has_an_event_or_a_reason_to_have_none(app):
    writing = {route.endpoint for route in routes(app) if route.writes}
    assert writing == AUDITED.keys() | UNAUDITED.keys()
    assert AUDITED.keys() & UNAUDITED.keys() == set()


def test_each_of_them_leaves_its_event(app, monkeypatch):
    monkeypatch.setitem(app.config, "WEBHOOK_ALLOW_PRIVATE", True)
    scene, silent = Scene(app), {}
    for endpoint, (action, way) in AUDITED.items():
        response = way(scene)
        newest = AuditEvent.objects(action=action).order_by("-id").first()
        by_them = newest is not None and str(scene.admin.id) in (newest.actor["id"], newest.on_behalf_of)
        if not by_them or response.status_code >= 400:
            silent[endpoint] = (response.status_code, response.text[-300:])
        AuditEvent.objects.delete()
    assert silent == {}
