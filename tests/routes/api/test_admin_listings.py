"""Listing requests through the API, as reviewers' programs send and expect them: the list, and one decision."""

import re

import pytest

from app.models.catalogue_token import CatalogueToken
from app.models.token_request import ListingRequest
from app.services import desk, listing_requests, review, token_requests
from tests.factories import OPERATOR, bearer, make_admin, make_request, make_user, sign_in
from tests.steps import make_listing

PATH = "/api/admin/listing-requests"
USDC = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
TOKEN = {
    "token_symbol": "MYTOKEN",
    "token_name": "My Token",
    "blockchain": "ethereum",
    "contract_address": USDC,
    "reason": "It has volume.",
    "additional_info": {"website": "https://example.com"},
    "decimals": 18,
}


@pytest.fixture
def rita():
    return make_user("rita@example.com", name="Rita", roles=["reviewer"])


@pytest.fixture
def reviewer(client, rita):
    return sign_in(client, rita)


@pytest.fixture
def ann():
    return make_user("ann@example.com", name="Ann")


@pytest.fixture
def made(ann):
    return make_listing(ann, **TOKEN)


def shape_of(made, **changed):
    facts = {"id": made.number, "user_id": str(made.user), **TOKEN, "status": "pending", "reviewed_by": None}
    return {**facts, "admin_notes": None, "response": None, "version": 1, **changed}


def times_of(shape, *more):
    for name in ("submitted_at", "created_at", "updated_at", *more):
        assert INSTANT.fullmatch(shape.pop(name))
    return shape


# --- the list ---------------------------------------------------------------------------------------------------------


def test_the_list_is_as_its_clients_know_it(reviewer, made):
    make_request()
    for _ in range(2):
        review.mark_spam(make_listing(), by=OPERATOR)
    response = reviewer.get(f"{PATH}?status=pending&q=my&sort=-submitted_at&limit=50&offset=0")
    assert (response.status_code, response.mimetype) == (200, "application/json")
    (shape,) = response.json.pop("requests")
    body = response.json
    assert {name: body[name] for name in body if name != "requests"} == {
        "total": 1,
        "total_is_capped": False,
        "pending_count": 1,
    }
    assert times_of(shape) == shape_of(made, reviewed_at=None)


def ids(response):
    assert response.status_code == 200
    return [one["id"] for one in response.json["requests"]]


@pytest.fixture
def four():
    """Requests for gold, silver, golden and gilt, in the order of their numbers; silver is spam."""
    names = {"GLD": "Pure Gold", "SLV": "Silver", "GOLDEN": "Fleece (old)", "$GILT": "Gilt"}
    made = [make_listing(token_symbol=symbol, token_name=name).number for symbol, name in names.items()]
    review.mark_spam(token_requests.by_number(made[1]), by=OPERATOR)
    make_request()
    return made


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("", [3, 2, 1, 0]),
        ("sort=-submitted_at", [3, 2, 1, 0]),
        ("sort=submitted_at", [0, 1, 2, 3]),
        ("status=pending", [3, 2, 0]),
        ("status=spam", [1]),
        ("status=approved", []),
        ("q=gold", [2, 0]),
        ("q=GoLd&sort=submitted_at", [0, 2]),
        ("q=old", [2]),
        ("q=pure gold", [0]),
        ("q=$gilt", [3]),
        ("q=gilt", [3]),
        ("q=s&status=pending", []),
        ("q=s&status=spam", [1]),
        ("q=.*", []),
        ("q=%00", None),
        ("q=" + "x" * 500, []),
        ("q= ", [3, 2, 1, 0]),
        ("status=&q=&limit=&offset=&cursor=", [3, 2, 1, 0]),
        ("offset=1&limit=2", [2, 1]),
        ("offset=3", [0]),
        ("offset=4", []),
        ("offset=10000", []),
        ("q=g&offset=1&limit=1&sort=submitted_at", [2]),
    ],
)
def test_what_is_chosen(reviewer, four, query, places):
    response = reviewer.get(f"{PATH}?{query}")
    if places is None:
        assert response.status_code == 400
    else:
        assert ids(response) == [four[place] for place in places]
        assert response.json["pending_count"] == 3


def test_totals_do_not_depend_on_the_page(reviewer, four):
    for query in ("limit=1", "limit=1&offset=2", f"cursor={four[1]}", "offset=100"):
        assert reviewer.get(f"{PATH}?{query}").json["total"] == 4
    assert reviewer.get(f"{PATH}?q=gold&limit=1").json["total"] == 2


@pytest.mark.parametrize("query", ["", "sort=submitted_at&", "q=g&", "status=pending&", "offset=1&"])
def test_pages_follow_each_other(reviewer, four, query):
    seen, path = [], f"{PATH}?{query}limit=1"
    while path:
        response = reviewer.get(path)
        seen += ids(response)
        found = re.search(r'<(.*)>; rel="next"', response.headers.get("Link", ""))
        path = found[1] if found else None
    assert seen == ids(reviewer.get(f"{PATH}?{query}limit=200"))


@pytest.mark.parametrize(
    "query",
    [
        *("status=none", "status=needs", "sort=symbol", "sort=-id", "limit=0", "limit=201", "limit=x", "limit=1.5"),
        *("offset=-1", "offset=x", "cursor=x", "page=2", "limit=1&limit=2", "q[$ne]=1", f"offset={'9' * 400}"),
    ],
)
def test_a_wrong_query_is_named(reviewer, query):
    response = reviewer.get(f"{PATH}?{query}")
    assert (response.status_code, list(response.json["errors"])) == (400, [query.partition("=")[0]])


def test_an_offset_that_is_too_deep_is_told_of_the_cursor(reviewer, made):
    response = reviewer.get(f"{PATH}?offset=10001")
    assert (response.status_code, response.json["code"]) == (400, "use_cursor")
    assert response.json["details"] == {"most": 10_000}
    assert ids(reviewer.get(f"{PATH}?cursor={made.number + 1}")) == [made.number]


def test_counting_stops_somewhere_and_says_so(reviewer, four, monkeypatch):
    monkeypatch.setattr(desk, "MOST_COUNTED", 4)
    found = reviewer.get(PATH).json
    assert (found["total"], found["total_is_capped"], found["pending_count"]) == (3, True, 3)
    assert reviewer.get(f"{PATH}?status=pending").json["total_is_capped"] is False


# --- one decision -----------------------------------------------------------------------------------------------------


def put(client, made, **body):
    return client.put(f"{PATH}/{made.number}", json=body)


@pytest.mark.parametrize("by_id", [False, True])
def test_a_decision_is_as_its_clients_know_it(reviewer, made, by_id):
    body = {"status": "approved", "admin_notes": "Verified contract", "response": "Welcome."}
    response = reviewer.put(f"{PATH}/{made.id if by_id else made.number}", json=body)
    assert response.status_code == 200
    answer = response.json
    shape = times_of(answer.pop("request"), "reviewed_at")
    assert answer == {"success": True, "message": "Token request updated"}
    told = {"admin_notes": "Verified contract", "response": "Welcome.", "reviewed_by": "Rita"}
    assert shape == shape_of(made, status="approved", version=2, **told)
    assert CatalogueToken.objects.get().symbol == "MYTOKEN"


@pytest.mark.parametrize(
    ("body", "response"),
    [
        ({"status": "rejected"}, None),
        ({"status": "rejected", "admin_notes": None, "response": None}, None),
        ({"status": "rejected", "response": " Not now. "}, "Not now."),
        ({"status": "spam", "admin_notes": "The same again"}, None),
        ({"status": "approved", "admin_notes": ""}, None),
    ],
)
def test_words_are_optional(reviewer, made, body, response):
    shape = put(reviewer, made, **body).json["request"]
    assert (shape["status"], shape["response"]) == (body["status"], response)
    assert shape["admin_notes"] == (body.get("admin_notes") or None)


def test_a_refusal_is_taken_back_with_a_note(reviewer, made):
    put(reviewer, made, status="spam")
    refusal = put(reviewer, made, status="pending")
    assert (refusal.status_code, list(refusal.json["errors"])) == (400, ["admin_notes"])
    shape = put(reviewer, made, status="pending", admin_notes="Another look").json["request"]
    assert (shape["status"], shape["reviewed_at"], shape["admin_notes"]) == ("pending", None, "Another look")


def test_what_was_edited_since_it_was_read_is_not_decided_unseen(reviewer, made):
    (read,) = reviewer.get(PATH).json["requests"]
    listing_requests.edit(made, version=1, **TOKEN | {"contract_address": f"0x{'6' * 40}"})
    refusal = put(reviewer, made, status="approved", version=read["version"])
    assert (refusal.status_code, refusal.json["code"], CatalogueToken.objects.count()) == (409, "changed", 0)
    (read,) = reviewer.get(PATH).json["requests"]
    for _ in range(2):
        assert put(reviewer, made, status="approved", version=read["version"]).json["request"]["status"] == "approved"


def test_a_note_alone_decides_nothing(reviewer, made):
    for text in ("First", "Second"):
        shape = put(reviewer, made, admin_notes=text).json["request"]
        assert (shape["status"], shape["admin_notes"]) == ("pending", text)
    assert [note["text"] for note in ListingRequest.objects.get().notes] == ["First", "Second"]


def test_the_same_decision_again_has_the_same_answer_and_another_is_told_who_was_first(app, reviewer, made):
    body = {"status": "rejected", "response": "No."}
    first = put(reviewer, made, **body)
    assert put(reviewer, made, **body).json == first.json
    for other in ({"status": "approved"}, {"status": "rejected", "response": "Never."}, {"status": "spam"}):
        refusal = put(reviewer, made, **other)
        assert (refusal.status_code, refusal.json["code"]) == (409, "already_decided")
    adam = sign_in(app.test_client(), make_admin(name="Adam"))
    refusal = put(adam, made, **body)
    assert (refusal.status_code, refusal.json["details"]["by"]) == (409, "Rita")
    assert put(reviewer, make_listing(), status="pending", admin_notes="x").status_code == 409


WRONG = [
    ({}, {"status"}),
    ({"status": None, "admin_notes": None}, {"status"}),
    *(({"status": bad}, {"status"}) for bad in ("", "APPROVED", "withdrawn", "needs_info", "revoked", 1, ["spam"], {})),
    *(({"admin_notes": bad}, {"admin_notes"}) for bad in ("", "  ", 7, "x" * 5_001, {"$ne": ""}, "bell\x07")),
    *(({"status": "spam", "admin_notes": bad}, {"admin_notes"}) for bad in ("x" * 5_001, True)),
    *(({"status": "rejected", "response": bad}, {"response"}) for bad in ("x" * 501, 7, "\x1b[31m", [])),
    ({"response": "Hello."}, {"response"}),
    *(({"status": "spam", "version": bad}, {"version"}) for bad in ("1", True, 1.5, {"$gt": 0})),
    ({"status": "spam", "response": "Spam."}, {"response"}),
    ({"status": "pending", "admin_notes": "x", "response": "Back."}, {"response"}),
    ({"status": "approved", "granted": 5, "$set": {}}, {"granted", "$set"}),
]


def test_what_is_wrong_is_named_and_decides_nothing(reviewer, made):
    for body, fields in WRONG:
        response = put(reviewer, made, **body)
        assert (response.status_code, set(response.json["errors"])) == (400, fields), str(body)[:200]
    found = ListingRequest.objects.get()
    assert (found.status, found.notes, found.version) == ("pending", [], 1)


def test_what_is_not_there_or_of_another_kind_is_not_found(reviewer):
    for reference in (make_request().number, 0, 999, "x", "f" * 24, "9" * 400, "-1", "1.5"):
        response = reviewer.put(f"{PATH}/{reference}", json={"status": "spam"})
        assert (response.status_code, response.json["message"]) == (404, "Request not found"), reference


def test_nobody_decides_or_notes_their_own(reviewer, rita):
    own = make_listing(rita)
    for body in ({"status": "approved"}, {"admin_notes": "Mine"}):
        assert put(reviewer, own, **body).json["code"] == "forbidden"
    assert ListingRequest.objects.get().status == "pending"


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_only_reviewers_and_their_keys_may(app, ann, rita, made, method):
    stranger, path = app.test_client(), PATH if method == "GET" else f"{PATH}/{made.number}"
    body = {} if method == "GET" else {"json": {"status": "spam"}}
    assert stranger.open(path, method=method, **body).status_code == 401
    assert sign_in(app.test_client(), ann).open(path, method=method, **body).status_code == 403
    other, right = bearer(rita, "self", "users.read"), bearer(rita, "requests.review")
    assert stranger.open(path, method=method, **body, headers=other).status_code == 403
    assert stranger.open(path, method=method, **body, headers=right).status_code == 200


def test_a_key_signs_with_its_name(app, rita, made):
    response = app.test_client().put(
        f"{PATH}/{made.number}", json={"status": "rejected"}, headers=bearer(rita, "requests.review", name="Our bot")
    )
    assert response.json["request"]["reviewed_by"] == "Our bot"


def test_of_many_who_decide_at_once_one_does(app, made, threads):
    clients = [sign_in(app.test_client(), make_admin()) for _ in range(8)]
    answers = threads(lambda i: put(clients[i], made, status="approved" if i % 2 else "rejected"), 8)
    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 7]
