"""The audit trail: who changed what, when and why; as a list, event by event, and as a file."""

from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app import access, pagination
from app.access import requires
from app.exports import Format
from app.forms.audit_filters import AuditFiltersForm
from app.models.object_id import object_id
from app.models.permission import Permission
from app.models.person import Person
from app.routes import downloads
from app.services import audit_trail, users

blueprint = Blueprint("admin_audit", __name__, url_prefix="/admin")

ABOUT_USERS = ("user", "account")
FILTERS = ("actor", "action", "object", "from", "until")


@blueprint.get("/audit")
@requires(Permission.AUDIT_READ)
def audit() -> ResponseReturnValue:
    """Newest first, with filters."""
    form = AuditFiltersForm(request.args)
    if not form.validate():
        return _list(form, []), 400
    chosen = form.filters(ZoneInfo(current_user.time_zone))
    before = pagination.before_id()
    return _list(form, audit_trail.page(chosen, before=before, limit=pagination.FETCHED, by=access.actor()))


@blueprint.get("/audit/<event_id>")
@requires(Permission.AUDIT_READ)
def event(event_id: str) -> ResponseReturnValue:
    """All that is known of one change, and its place in the chain."""
    found, seal = audit_trail.get(event_id, by=access.actor())
    before, after = found.get("before", {}), found.get("after", {})
    return render_template(
        "admin/audit/event.html",
        event=found,
        seal=seal,
        people=_people([found]),
        changes=[(name, before.get(name), after.get(name)) for name in dict.fromkeys((*before, *after))],
    )


@blueprint.get("/audit.csv")
@requires(Permission.AUDIT_READ)
def audit_csv() -> Response:
    """The list, for a spreadsheet."""
    return _file(Format.CSV)


@blueprint.get("/audit.jsonl")
@requires(Permission.AUDIT_READ)
def audit_jsonl() -> Response:
    """The list, for a program."""
    return _file(Format.JSON_LINES)


def _file(format_: Format) -> Response:
    form = AuditFiltersForm(request.args)
    if not form.validate():
        abort(400, _("The address asks for something that there is not in this list."))
    rows = audit_trail.rows(form.filters(ZoneInfo(current_user.time_zone)), by=access.actor())
    return downloads.streaming_response("audit", format_, rows, audit_trail.COLUMNS)


def _list(form: AuditFiltersForm, found: list[dict[str, Any]]) -> str:
    chosen: dict[str, Any] = {name: request.args.get(name) or None for name in FILTERS}
    files = {name: url_for(f"admin_audit.audit_{name}", **chosen) for name in ("csv", "jsonl")}
    return render_template(
        "admin/audit/audit.html",
        form=form,
        page=pagination.page(found, key=lambda one: one["_id"], **chosen),
        is_filtered=any(chosen.values()),
        files=files,
        people=_people(found),
    )


def _people(events: list[dict[str, Any]]) -> dict[str, Person]:
    """Whom events were about, by the ids that they name."""
    ids = [object_id(one["object"]["id"]) for one in events if one["object"]["kind"] in ABOUT_USERS]
    return {str(user_id): user for user_id, user in users.by_ids(one for one in ids if one).items()}
