"""Every step from every status by everybody, for each kind: over pages, over the API, and at the command line."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
import time_machine

from app.models.token_request import Status
from app.models.user import User
from app.services import request_kinds
from tests.effects import stored
from tests.factories import bearer, make_user, sign_in
from tests.steps import BY_OWNER, BY_REVIEWER, KINDS, OWNERS_STEPS, STEPS, everything, make_rita, request_in

START = datetime(2026, 3, 10, 12, tzinfo=UTC)
# Who acts: the roles that they hold, whether the request is theirs, and the scopes of the key that they come with.
PERSONAS = {
    "requester": ([], True, None),
    "another user": ([], False, None),
    "support": (["support"], False, None),
    "reviewer": (["reviewer"], False, None),
    "reviewer who owns it": (["reviewer"], True, None),
    "admin": (["admin"], False, None),
    "key with the scope": (["reviewer"], False, ["requests.review"]),
    "key with the scope, of the requester": (["reviewer"], True, ["requests.review"]),
    "key without the scope": (["admin"], False, ["self", "users.manage"]),
    "key whose owner lost the permission": (["lost"], False, ["requests.review"]),
    "nobody": (None, False, None),
}
REVIEWERS = {"reviewer", "admin", "key with the scope"}
OWNERS = {"requester", "reviewer who owns it"}
OWN_REVIEWERS = {"reviewer who owns it", "key with the scope, of the requester"}
# How a page takes each step: its address, and what its form sends.
PAGES = {
    "approve": ("/admin/requests/{number}/approve", {"response": "Enjoy."}),
    "reject": ("/admin/requests/{number}/reject", {"response": "Not now."}),
    "mark_spam": ("/admin/requests/{number}/spam", {}),
    "ask": ("/admin/requests/{number}/ask", {"response": "What for?"}),
    "reopen": ("/admin/requests/{number}/reopen", {"note": "Another look"}),
    "revoke": ("/admin/requests/{number}/revoke", {"reason": "A mistake."}),
    "answer": ("/requests/{number}/answer", {"answer": "For a talk."}),
    "withdraw": ("/requests/{number}/withdraw", {}),
}
# The same for programs, which decide only.
CALLS = {
    ("quota", "approve"): lambda n: ("PUT", f"/api/admin/token-requests/{n}/approve", {}),
    ("quota", "reject"): lambda n: ("PUT", f"/api/admin/token-requests/{n}/reject", {"adminResponse": "Not now."}),
    ("beta", "approve"): lambda n: ("POST", "/api/admin/beta-approve", {"requestId": n}),
    ("beta", "reject"): lambda n: ("POST", "/api/admin/beta-reject", {"requestId": n, "reason": "Not now."}),
    ("listing", "approve"): lambda n: ("PUT", f"/api/admin/listing-requests/{n}", {"status": "approved"}),
    ("listing", "reject"): lambda n: ("PUT", f"/api/admin/listing-requests/{n}", {"status": "rejected"}),
}
COMMANDS = {
    "approve": ["approve"],
    "reject": ["reject", "--response", "Not now."],
    "mark_spam": ["spam"],
    "ask": ["ask", "--question", "What for?"],
    "reopen": ["reopen", "--note", "Another look"],
    "revoke": ["revoke", "--reason", "A mistake."],
}


@pytest.fixture(autouse=True)
def clock_hand():
    """Time stands still until a request's way needs it to move."""
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@dataclass(frozen=True)
class Scene:
    """One persona before one request."""

    token_request: object
    client: object
    headers: dict

    def on_page(self, step):
        """What the page answers to the step."""
        address, data = PAGES[step]
        version = stored(self.token_request)["version"]
        where = address.format(number=self.token_request.number)
        return self.client.post(where, data={"version": str(version), **data}, headers=self.headers)

    def by_call(self, step):
        """What the API answers to the step."""
        method, address, body = CALLS[self.token_request.kind, step](self.token_request.number)
        return self.client.open(address, method=method, json=body, headers=self.headers)

    @property
    def status(self):
        return stored(self.token_request)["status"]


@pytest.fixture
def scene(app, clock_hand):
    """`scene(persona, kind, status)`: somebody of that description before a new request that stands there."""
    rita = make_rita()

    def make(persona, kind, status):
        roles, is_own, scopes = PERSONAS[persona]
        lost = roles == ["lost"]
        person = make_user(roles=["reviewer"] if lost else roles or [])
        token_request = request_in(status, rita, clock_hand, person if is_own else None, kind)
        client = app.test_client()
        headers = bearer(person, *scopes) if scopes else {}
        if roles is not None and not scopes:
            sign_in(client, person)
        if lost:
            User._get_collection().update_one({"_id": person.id}, {"$set": {"permissions": []}})
        return Scene(token_request, client, headers)

    return make


def allowed(persona, status):
    """The steps that the table of the specification allows."""
    if persona in REVIEWERS:
        return BY_REVIEWER[status]
    return BY_OWNER.get(status, set()) if persona in OWNERS else set()


def refusal_of_page(persona, status, step):
    """The status with which a page refuses a step that is not allowed."""
    if persona.startswith("key") or persona == "nobody":
        return 303  # Pages know sessions only: the way to sign in.
    if step in OWNERS_STEPS:
        if persona not in OWNERS:
            return 404
        # A withdrawal that comes too late leads to where the request stands.
        return 409 if step == "answer" else 303
    if persona in REVIEWERS:
        return 409
    if persona in OWN_REVIEWERS:
        return 403 if step in BY_REVIEWER[status] else 409
    return 403


def refusal_of_call(persona, kind, status, step):
    """The same for the API; what is decided already is a conflict for the youngest of its three designs."""
    decided = 409 if kind == "listing" else 400
    if persona == "nobody":
        return 401
    if persona in REVIEWERS:
        return decided
    if persona in OWN_REVIEWERS:
        return 403 if step in BY_REVIEWER[status] else decided
    return 403


def test_the_table_names_every_kind():
    assert set(KINDS) == set(request_kinds.ON_APPROVAL)


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("persona", PERSONAS)
def test_what_is_not_in_the_table_is_refused_and_changes_nothing(scene, persona, kind, status):
    here = scene(persona, kind, status)
    may = set() if persona.startswith("key") else allowed(persona, status)
    before = everything(here.token_request)
    met = {step: here.on_page(step).status_code for step in PAGES.keys() - may}
    assert met == {step: refusal_of_page(persona, status, step) for step in PAGES.keys() - may}
    refused = {step for of, step in CALLS if of == kind} - allowed(persona, status)
    met = {step: here.by_call(step).status_code for step in refused}
    assert met == {step: refusal_of_call(persona, kind, status, step) for step in refused}
    assert everything(here.token_request) == before


@pytest.mark.parametrize(
    ("persona", "status", "step"),
    [
        (persona, str(status), step)
        for persona in PERSONAS
        if not persona.startswith("key")
        for status in Status
        for step in sorted(allowed(persona, status))
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_in_the_table_is_done_on_pages(scene, persona, kind, status, step):
    here = scene(persona, kind, status)
    assert (here.on_page(step).status_code, here.status) == (303, STEPS[step][1])


@pytest.mark.parametrize(
    ("persona", "status", "step"),
    [
        (persona, str(status), step)
        for persona in PERSONAS
        for status in Status
        for step in sorted(allowed(persona, status) & {"approve", "reject"})
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_in_the_table_is_done_by_calls(scene, persona, kind, status, step):
    here = scene(persona, kind, status)
    assert (here.by_call(step).status_code, here.status) == (200, STEPS[step][1])


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("kind", KINDS)
def test_an_operator_does_what_a_reviewer_may(app, clock_hand, kind, status):
    rita = make_rita()
    token_request = request_in(status, rita, clock_hand, None, kind)
    before = everything(token_request)
    for step in COMMANDS.keys() - BY_REVIEWER[status]:
        assert run(app, step, token_request) == 1, step
        assert everything(token_request) == before
    for step in sorted(BY_REVIEWER[status]):
        token_request = request_in(status, rita, clock_hand, None, kind)
        assert (run(app, step, token_request), stored(token_request)["status"]) == (0, STEPS[step][1])


def run(app, step, token_request):
    """The exit code of the command that takes the step."""
    word, *more = COMMANDS[step]
    return app.test_cli_runner().invoke(args=["requests", word, str(token_request.number), *more]).exit_code
