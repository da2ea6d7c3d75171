"""Taking the desk's list along."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from bson import ObjectId
from mongoengine.connection import get_db

from app import clock, db
from app.services import beta_requests, numbers, request_export, review
from tests.factories import actor_of, make_request, make_user, sign_in
from tests.guards.routes import everything
from tests.statements import Statements

COLUMNS = list(request_export.COLUMNS)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def reviewer():
    return make_user(name="Rita", roles=["reviewer"])


@pytest.fixture
def some(reviewer):
    """#1, a quota request that was rejected the day after; #2, a beta request that waits; #3, a quota request that waits."""
    with time_machine.travel(NOON, tick=False) as clock_hand:
        first = make_request(make_user("ada@example.com", name="Ада"), used=700, reason="=HYPERLINK(1)")
        clock_hand.shift(timedelta(days=1))
        review.add_note(first, by=actor_of(reviewer), text="Looks like a bot")
        review.reject(first, by=actor_of(reviewer), response="Please wait,\n@Monday")
        bob = make_user("bob@example.com", name="Bob")
        beta_requests.submit(bob, by=actor_of(bob))
        clock_hand.shift(timedelta(days=1))
        make_request(bob, used=5)
    return first


@pytest.fixture
def client(client, reviewer):
    return sign_in(client, reviewer)


def of_csv(response) -> list[dict]:
    return list(csv.DictReader(io.StringIO(response.data.decode("utf-8-sig"), newline="")))


def of_jsonl(response) -> list[dict]:
    return [json.loads(line) for line in response.text.splitlines()]


def listed(response) -> list[int]:
    return [row["number"] for row in of_jsonl(response)]


def test_a_program_gets_an_object_a_request(client, some):
    response = client.get("/admin/requests.jsonl?status=all")
    assert response.headers["Content-Type"] == "application/jsonl; charset=utf-8"
    rows = of_jsonl(response)
    assert [list(row) for row in rows] == [COLUMNS] * 3
    assert [row["number"] for row in rows] == [3, 2, 1]
    assert rows[-1] == {
        "number": 1,
        "kind": "quota",
        "status": "rejected",
        "user_id": str(some.user),
        "name": "Ада",
        "email": "ada@example.com",
        "submitted_at": "2026-03-10T12:00:00.000Z",
        "reason": "=HYPERLINK(1)",
        "used_when_submitted": 700,
        "calls_when_submitted": 1,
        "decided_at": "2026-03-11T12:00:00.000Z",
        "decided_by": "Rita",
        "response": "Please wait,\n@Monday",
        "granted": None,
        **dict.fromkeys(request_export.OF_TOKENS),
    }
    waiting = {"decided_at": None, "decided_by": None, "response": None, "granted": None}
    assert rows[1] == rows[1] | waiting | {"kind": "beta", "reason": None, "email": "bob@example.com"}


def test_in_a_spreadsheet_no_text_is_a_formula(client, some):
    response = client.get("/admin/requests.csv?status=rejected")
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    (row,) = of_csv(response)
    assert list(row) == COLUMNS
    assert (row["reason"], row["response"]) == ("'=HYPERLINK(1)", "Please wait,\n'@Monday")
    assert (row["name"], row["used_when_submitted"], row["granted"]) == ("Ада", "700", "")


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_notes_stay_here(client, some, ending):
    assert "Looks like a bot" not in client.get(f"/admin/requests.{ending}?status=all").data.decode()


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_it_is_a_file_for_nobodys_cache(client, ending):
    headers = client.get(f"/admin/requests.{ending}").headers
    named = f"attachment; filename=requests-{clock.now():%Y-%m-%d}.{ending}"
    assert headers["Content-Disposition"] == named
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [3, 2]),
        ("status=all", [3, 2, 1]),
        ("status=rejected", [1]),
        ("status=spam", []),
        ("status=all&kind=quota", [3, 1]),
        ("kind=beta", [2]),
        ("status=all&user=bob@example.com", [3, 2]),
        ("status=all&user=nobody@example.com", []),
        ("status=all&q=%231", [1]),
        ("status=all&q=ada@example.com", [1]),
        ("status=all&from=2026-03-11", [3, 2]),
        ("status=all&from=2026-03-11&until=2026-03-11", [2]),
        ("status=all&order=oldest", [1, 2, 3]),
        ("status=all&kind=quota&user=bob@example.com&from=2026-03-12&order=oldest", [3]),
    ],
)
def test_the_address_chooses_as_it_does_for_the_list(client, some, query, expected):
    assert listed(client.get(f"/admin/requests.jsonl?{query}")) == expected
    assert [row["number"] for row in of_csv(client.get(f"/admin/requests.csv?{query}"))] == list(map(str, expected))


@pytest.mark.parametrize(
    "query", ["status=nonsense", "status=$ne", "kind=gift", "order=up", "from=yesterday", "until=1"]
)
def test_another_filter_is_refused(client, query):
    assert client.get(f"/admin/requests.csv?{query}").status_code == 400


def test_where_nothing_fits_there_is_only_the_head(client):
    assert client.get("/admin/requests.csv").data.decode("utf-8-sig") == ",".join(COLUMNS) + "\r\n"
    assert client.get("/admin/requests.jsonl").data == b""


def test_one_whose_user_is_gone_is_there_without_a_name(client, some):
    get_db().users.delete_one({"_id": some.user})
    (row,) = of_jsonl(client.get("/admin/requests.jsonl?status=rejected"))
    assert (row["user_id"], row["name"], row["email"]) == (str(some.user), None, None)


@pytest.fixture
def long_list(some):
    """3,000 requests."""
    model = get_db().token_requests.find_one({"number": 1})
    for name in ("open_key", "day_key"):
        model.pop(name, None)
    with db.slow():
        get_db().token_requests.insert_many(
            {**model, "_id": ObjectId(), "number": number, "reason": "x" * 200} for number in range(4, 3_001)
        )
    numbers.reserve("token_requests", 3_000 - 3)


@pytest.mark.usefixtures("long_list")
@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_a_long_list_is_sent_without_being_held(client, statements: Statements, order):
    response = client.get(f"/admin/requests.jsonl?status=all&order={order}", buffered=False)
    blocks = response.iter_encoded()
    text = next(blocks)
    assert statements.said.count("find token_requests") == 1
    for block in blocks:
        assert len(block) < 40_000
        text += block
    response.close()
    found = [json.loads(line)["number"] for line in text.decode().splitlines()]
    assert found == (list(range(1, 3_001)) if order == "oldest" else list(range(3_000, 0, -1)))
    # The last batch is full, so that only the one after it says that it was the last.
    assert statements.said.count("find token_requests") == 3_000 // request_export.BATCH + 1


@pytest.mark.usefixtures("long_list")
def test_what_is_submitted_meanwhile_does_not_move_the_rest(app, client, statements: Statements):
    def submit() -> None:
        with app.app_context():
            make_request()

    with statements.meanwhile("find users", submit) as fate:
        found = listed(client.get("/admin/requests.jsonl?status=all"))
    assert fate.happened
    assert len(found) == len(set(found))
    assert set(range(1, 3_001)) <= set(found)


def test_reading_changes_nothing_and_the_trail_keeps_it(client, some):
    before = everything()
    client.get("/admin/requests.csv?status=rejected")
    after = everything()
    event = after["audit_events"].pop()
    assert (event["action"], event["after"]) == ("requests.export", {"statuses": ["rejected"]})
    assert after == before


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_it_needs_the_permission(app, ending):
    path = f"/admin/requests.{ending}"
    assert app.test_client().get(path).location == f"/sign-in?next={path}"
    assert sign_in(app.test_client(), make_user(roles=["support"])).get(path).status_code == 403
    assert sign_in(app.test_client(), make_user()).get(path).status_code == 403


def test_there_is_no_other_format(client):
    assert client.get("/admin/requests.xlsx").status_code == 404
    assert client.post("/admin/requests.csv").status_code == 405
