"""Listing requests through the API, as those who ask send and expect them."""

import re

import pytest

from app.models.audit_event import AuditEvent
from app.models.support import Support
from app.models.token_request import ListingRequest, TokenRequest
from app.models.user import User
from app.services import beta_requests, review, user_changes
from tests.factories import OPERATOR, actor_of, bearer, make_admin, make_request, make_user, sign_in
from tests.steps import make_listing

PATH = "/api/token-requests"
USDC = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
TETHER_ON_TRON = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
SMALLEST = {"token_symbol": "MYTOKEN", "token_name": "My Token", "blockchain": "ethereum"}
WHOLE = {
    **SMALLEST,
    "contract_address": USDC,
    "reason": "It has volume.",
    "additional_info": {"website": "https://example.com"},
    "decimals": 18,
}
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
def ann():
    return make_user("ann@example.com", name="Ann")


@pytest.fixture
def client(client, ann):
    return sign_in(client, ann)


@pytest.fixture
def rita():
    return actor_of(make_admin("rita@example.com", name="Rita"))


@pytest.fixture
def metering():
    return bearer(make_admin(), "usage.write")


def ask(client, body=None, **options):
    return client.post(PATH, json=SMALLEST if body is None else body, **options)


# --- asking -----------------------------------------------------------------------------------------------------------


def test_a_request_is_submitted(client, ann):
    response = ask(client, {"user_id": str(ann.id), **WHOLE})
    (made,) = ListingRequest.objects
    assert (response.status_code, response.mimetype) == (201, "application/json")
    assert response.json == {
        "success": True,
        "message": "Token request submitted successfully",
        "request_id": made.number,
    }
    kept = {name: getattr(made, name) for name in WHOLE}
    assert (kept, made.user, made.status) == (WHOLE, ann.id, "pending")


NOTHING_MORE = {"user_id": None, "contract_address": None, "reason": None, "additional_info": None, "decimals": None}


@pytest.mark.parametrize("more", [{}, NOTHING_MORE, {"reason": "", "additional_info": {}, "contract_address": ""}])
def test_symbol_name_and_blockchain_are_enough(client, more):
    assert ask(client, {**SMALLEST, **more}).status_code == 201
    made = ListingRequest.objects.get()
    assert (made.contract_address, made.reason, made.additional_info, made.decimals) == (None, None, {}, None)


def test_a_whole_number_may_be_written_with_a_point(client):
    assert ask(client, {**SMALLEST, "decimals": 18.0}).status_code == 201
    assert ListingRequest.objects.get().decimals == 18


# What is sent, and the fields that are named.
WRONG = [
    ({"token_symbol": "A"}, {"token_name", "blockchain"}),
    ({"blockchain": "ethereum"}, {"token_symbol", "token_name"}),
    ({"decimals": 18}, {"token_symbol", "token_name", "blockchain"}),
    ({"additional_info": {}}, {"token_symbol", "token_name", "blockchain"}),
    *(
        ({**SMALLEST, "token_symbol": bad}, {"token_symbol"})
        for bad in ("", " ", "x" * 21, None, 7, ["A"], {"$ne": ""})
    ),
    *(({**SMALLEST, "token_symbol": bad}, {"token_symbol"}) for bad in ("bell\x07", "two\nlines", "\u200b")),
    *(({**SMALLEST, "token_name": bad}, {"token_name"}) for bad in ("", "n" * 256, None, True, "a\tb")),
    *(({**SMALLEST, "blockchain": bad}, {"blockchain"}) for bad in ("", "dogechain", "Ethereum", None, 1, {"$gt": ""})),
    *(
        ({**SMALLEST, "contract_address": bad}, {"contract_address"})
        for bad in ("0x12", USDC[:-1] + "9", TETHER_ON_TRON, "1" * 60_000, 12, {"$ne": 1}, "javascript:alert(1)")
    ),
    *(
        ({**SMALLEST, "decimals": bad}, {"decimals"})
        for bad in (-1, 256, True, "18", 1.5, 10**400, [18], {"$ne": 1}, 2**63)
    ),
    *(({**SMALLEST, "reason": bad}, {"reason"}) for bad in ("r" * 5_001, 7, {"$where": "1"}, "\x1b[31mred")),
    *(
        ({**SMALLEST, "additional_info": bad}, {"additional_info"})
        for bad in (
            *({str(n): "x" for n in range(21)}, {"n" * 51: "x"}, {"": "x"}, {"website": "x" * 501}, {"website": 5}),
            *({"website": None}, {"website": {"$ne": 1}}, {"a": ["b"]}, ["website"], "website", 7, {"two\nlines": "x"}),
        )
    ),
    *(({**SMALLEST, "user": bad}, {"user"}) for bad in ("external:u-17", 7)),
    *(({**SMALLEST, "user_id": bad}, {"user_id"}) for bad in (7, ["x"], {"$ne": 1})),
    ({**SMALLEST, "status": "approved"}, {"status"}),
    ({**SMALLEST, "$where": "1", "__raw__": {}}, {"$where", "__raw__"}),
    (
        {**SMALLEST, "token_symbol": "", "blockchain": "", "reason": "r" * 5_001},
        {"token_symbol", "blockchain", "reason"},
    ),
]


def test_what_is_wrong_is_named_field_by_field_and_nothing_is_stored(client):
    for body, fields in WRONG:
        response = ask(client, body)
        told = {name.partition(".")[0] for name in response.json.get("errors", {})}
        assert (response.status_code, response.json["code"], told) == (400, "invalid_input", fields), str(body)[:200]
        assert all(text.endswith(".") for texts in response.json["errors"].values() for text in texts), body
    assert TokenRequest.objects.count() == 0


def test_what_looks_like_an_address_elsewhere_is_told_so(client):
    response = ask(client, {**SMALLEST, "contract_address": TETHER_ON_TRON})
    assert "Tron" in " ".join(response.json["errors"]["contract_address"])


@pytest.mark.parametrize(
    ("text", "stored"),
    [("<script>alert(1)</script>", "<script>alert(1)</script>"), ("{{ 7 * 7 }}", "{{ 7 * 7 }}"), (" я ", "я")],
)
def test_text_is_kept_as_text(client, text, stored):
    assert ask(client, {**SMALLEST, "token_name": text, "additional_info": {"$where": text}}).status_code == 201
    made = ListingRequest.objects.get()
    assert (made.token_name, made.additional_info) == (stored, {"$where": stored})


def test_a_token_that_is_listed_is_refused_with_what_there_is(client, rita):
    listed = review.approve(make_listing(contract_address=USDC), by=rita)
    response = ask(client, {**WHOLE, "contract_address": USDC.lower()})
    assert (response.status_code, response.json["code"]) == (409, "already_listed")
    assert response.json["existing"] == {"number": listed.number, "token_symbol": "GOLD"}


def test_a_token_that_somebody_asked_for_is_refused_without_saying_who(client, ann):
    olga = make_user("olga@example.com", name="Olga")
    other = make_listing(olga, contract_address=USDC)
    response = ask(client, {**WHOLE, "contract_address": USDC.lower()})
    assert (response.status_code, response.json["code"]) == (409, "duplicate")
    assert response.json["existing"] == {"number": other.number, "token_symbol": "GOLD", "supporters": 0}
    for secret in ("olga", "Olga", str(olga.id)):
        assert secret not in response.text
    assert ListingRequest.objects.count() == 1


def test_of_two_who_ask_for_one_address_at_once_one_has_asked_and_the_other_supports_it(app, threads):
    clients = [sign_in(app.test_client(), make_user()) for _ in range(2)]
    spellings = [USDC, USDC.lower()]
    answers = threads(lambda i: ask(clients[i], {**WHOLE, "contract_address": spellings[i]}), 2)
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    second = 0 if answers[0].status_code == 409 else 1
    number = answers[1 - second].json["request_id"]
    assert (answers[second].json["code"], answers[second].json["existing"]["number"]) == ("duplicate", number)
    supported = clients[second].post(f"{PATH}/{number}/support", csrf=False)
    assert supported.json == {"success": True, "supporters": 1}
    assert (ListingRequest.objects.count(), Support.objects.count()) == (1, 1)


def test_five_a_day_are_enough(client, ann):
    for _ in range(5):
        make_listing(ann)
    response = ask(client)
    assert (response.status_code, response.json["code"]) == (429, "daily_limit")
    assert response.json["details"]["limit"] == 5
    assert int(response.headers["Retry-After"]) > 0


def test_requests_for_tokens_and_listings_do_not_count_for_each_other(client, ann):
    make_request(ann)
    assert ask(client).status_code == 201
    assert ask(client, {"reason": "More."}).json["code"] == "already_pending"
    assert ask(client).status_code == 201


# --- for whom ---------------------------------------------------------------------------------------------------------


def test_a_user_id_names_the_caller_and_nobody_else(app, client, ann):
    for other in (str(make_user().id), "f" * 24, "x", "", "ann@example.com", "external:u-17"):
        response = ask(client, {**SMALLEST, "user_id": other})
        assert (response.status_code, response.json["code"]) == (404, "not_found"), other
    assert ListingRequest.objects.count() == 0
    own_key = bearer(ann, "self")
    assert ask(app.test_client(), {**SMALLEST, "user_id": str(ann.id)}, headers=own_key).status_code == 201


@pytest.mark.parametrize("of", ["user_id", "user", "external", "email"])
def test_a_metering_key_asks_for_the_user_whom_it_names(app, ann, metering, of):
    User.objects(id=ann.id).update(external_id="u-17")
    named = {
        "user_id": {"user_id": str(ann.id)},
        "user": {"user": str(ann.id)},
        "external": {"user": "external:u-17"},
        "email": {"user": "ann@example.com"},
    }[of]
    assert ask(app.test_client(), {**WHOLE, **named}, headers=metering).status_code == 201
    assert ListingRequest.objects.get().user == ann.id
    (event,) = AuditEvent.objects(action="request.submit")
    assert event.actor["kind"] == "key"


def test_a_metering_key_must_name_one_user_who_is_there(app, ann, metering):
    client = app.test_client()
    refused = {400: [{}, {"user": str(ann.id), "user_id": str(ann.id)}], 404: [{"user_id": "f" * 24}, {"user_id": "x"}]}
    for status, bodies in refused.items():
        for named in bodies:
            assert ask(client, {**SMALLEST, **named}, headers=metering).status_code == status, named
    assert ListingRequest.objects.count() == 0


def test_who_asks(app, ann):
    stranger = app.test_client()
    assert ask(stranger).status_code == 401
    assert ask(stranger, headers=bearer(make_admin(), "requests.review")).status_code == 403
    headers = bearer(ann, "self")
    user_changes.deactivate(ann.id, by=OPERATOR)
    assert ask(stranger, headers=headers).json["code"] == "user_inactive"


def test_a_metering_key_hears_that_a_user_is_inactive(app, ann, metering):
    user_changes.deactivate(ann.id, by=OPERATOR)
    response = ask(app.test_client(), {**SMALLEST, "user_id": str(ann.id)}, headers=metering)
    assert (response.status_code, response.json["code"]) == (403, "user_inactive")


# --- one's own --------------------------------------------------------------------------------------------------------


def test_ones_own_request_is_shown_whole(client, ann):
    made = make_listing(ann, **WHOLE)
    response = client.get(f"{PATH}/{made.number}")
    shape = response.json
    for name in ("submitted_at", "created_at", "updated_at"):
        assert INSTANT.fullmatch(shape.pop(name))
    assert shape == {
        "id": made.number,
        "user_id": str(ann.id),
        **WHOLE,
        "status": "pending",
        "reviewed_at": None,
        "reviewed_by": None,
        "response": None,
        "supporters": 0,
    }
    assert client.get(f"{PATH}/{made.id}").json["id"] == made.number


STANDS = {
    "pending": (lambda one, by: None, "pending", None),
    "needs_info": (lambda one, by: review.ask(one, by=by, question="Who?"), "needs_info", None),
    "approved": (lambda one, by: review.approve(one, by=by, response="Welcome."), "approved", "Welcome."),
    "rejected": (lambda one, by: review.reject(one, by=by), "rejected", None),
    "spam": (lambda one, by: review.mark_spam(one, by=by, note="Spam!"), "rejected", None),
    "revoked": (lambda one, by: review.revoke(review.approve(one, by=by), by=by, reason="No."), "revoked", "No."),
    "expired": (lambda one, by: review.expire(one), "expired", None),
    "withdrawn": (lambda one, by: review.withdraw(one, by=actor_of(User.objects.get(id=one.user))), "withdrawn", None),
}


@pytest.mark.parametrize("status", STANDS)
def test_what_became_of_it_is_told_and_no_internal_word(client, ann, rita, status):
    bring, told, response = STANDS[status]
    made = make_listing(ann)
    bring(made, rita)
    review.add_note(made, by=rita, text="Between us.")
    answer = client.get(f"{PATH}/{made.number}")
    assert (answer.json["status"], answer.json["response"]) == (told, response)
    for secret in ("spam", "Spam", "Between us", "notes", "rita@example.com"):
        assert secret not in answer.text


@pytest.mark.parametrize("status", [status for status in STANDS if status != "needs_info"])
def test_a_beta_request_has_the_shape_of_its_kind_whatever_became_of_it(client, ann, rita, status):
    made = beta_requests.submit(ann, by=actor_of(ann))
    STANDS[status][0](made, rita)
    told = {"spam": "rejected", "revoked": "rejected"}.get(status, status)
    shape = client.get(f"{PATH}/{made.number}").json
    assert (shape["id"], shape["status"], shape["email"]) == (str(made.id), told, "ann@example.com")


def test_a_quota_request_has_the_shape_of_its_kind(client, ann):
    made = make_request(ann)
    assert client.get(f"{PATH}/{made.number}").json == client.get(f"{PATH}/my-requests").json[0]


def test_what_is_somebody_elses_or_nobodys_is_not_found(app, client, rita):
    others = make_listing()
    references = [others.number, others.id, 0, 999, -1, "1.5", "x", "f" * 24, "9" * 400, "%D9%A3", "%00"]
    for reference in references:
        response = client.get(f"{PATH}/{reference}")
        assert (response.status_code, response.json["code"]) == (404, "not_found"), reference
    stranger = app.test_client()
    assert stranger.get(f"{PATH}/{others.number}").status_code == 401
    assert stranger.get(f"{PATH}/{others.number}", headers=bearer(make_admin(), "usage.write")).status_code == 403


# --- support ----------------------------------------------------------------------------------------------------------


def test_a_request_is_supported_once(app, client, ann):
    made = make_listing()
    for reference in (made.number, made.id, made.number):
        response = client.post(f"{PATH}/{reference}/support", csrf=False)
        assert (response.status_code, response.json) == (200, {"success": True, "supporters": 1})
    other = app.test_client().post(f"{PATH}/{made.number}/support", headers=bearer(make_user(), "self"), csrf=False)
    assert other.json == {"success": True, "supporters": 2}
    assert Support.objects.count() == 2


def test_a_decided_request_is_not_supported_and_nobody_hears_who_decided(client, rita):
    made = review.reject(make_listing(), by=rita, response="A scam.")
    response = client.post(f"{PATH}/{made.number}/support", csrf=False)
    assert (response.status_code, response.json["code"]) == (409, "already_decided")
    assert response.json["details"] == {"number": made.number}
    for secret in ("Rita", "scam", "rejected"):
        assert secret not in response.text


def test_what_cannot_be_supported(app, client, ann):
    own, unsure = make_listing(ann), make_listing(contract_address=None, decimals=None)
    assert client.post(f"{PATH}/{own.number}/support", csrf=False).status_code == 403
    for reference in (unsure.number, make_request().number, 999, "x", "f" * 24):
        assert client.post(f"{PATH}/{reference}/support", csrf=False).status_code == 404, reference
    others = make_listing()
    assert client.post(f"{PATH}/{others.number}/support", json={"user": "x"}).status_code == 400
    assert app.test_client().post(f"{PATH}/{others.number}/support", csrf=False).status_code == 401
    headers = bearer(make_admin(), "usage.write")
    assert app.test_client().post(f"{PATH}/{others.number}/support", csrf=False, headers=headers).status_code == 403
    assert Support.objects.count() == 0
