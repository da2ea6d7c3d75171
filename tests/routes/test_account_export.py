"""Taking one's own ledger along."""

import csv
import io
import json
from datetime import timedelta

import pytest
import time_machine
from bson import ObjectId
from mongoengine.connection import get_db

from app import clock, db
from app.services import account_commit, ledger, ledger_export, token_accounts
from tests.factories import OPERATOR, make_user, sign_in
from tests.statements import Statements

COLUMNS = list(ledger_export.COLUMNS)


@pytest.fixture
def user():
    """Somebody who has spent twice; what came before the second is in the ledger already."""
    made = make_user("ada@example.com")
    token_accounts.spend(
        made.id, 700, by=OPERATOR, description="=HYPERLINK(1)", metadata={"url": "https://example.com"}
    )
    account_commit.drain(made.id)
    token_accounts.hold(made.id, 5, by=OPERATOR)
    token_accounts.spend(made.id, 300, by=OPERATOR, description='Ünïcode, "quoted"\nа 🙂', key="k-2")
    return made


@pytest.fixture
def client(client, user):
    return sign_in(client, user)


def of_csv(response) -> list[dict]:
    text = response.data.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def of_jsonl(response) -> list[dict]:
    return [json.loads(line) for line in response.text.splitlines()]


def test_the_csv_has_every_entry_from_the_first(client, user):
    response = client.get("/account/ledger.csv")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = of_csv(response)
    assert list(rows[0]) == COLUMNS
    assert [(row["seq"], row["type"], row["amount"]) for row in rows] == [
        ("1", "renewal", "100000"),
        ("2", "grant", "50000"),
        ("3", "usage", "-700"),
        ("5", "usage", "-300"),
    ]
    stored = ledger.history(user.id, limit=1)[0]
    assert rows[-1] == {
        "seq": "5",
        "at": clock.iso(stored["at"]),
        "type": "usage",
        "amount": "-300",
        "before": "149300",
        "after": "149000",
        "description": 'Ünïcode, "quoted"\nа 🙂',
        "by": "The tests",
        "reference": "",
        "key": "k-2",
        "metadata": "",
        "id": str(stored["_id"]),
    }


def test_excel_is_told_that_it_is_utf_8(client):
    data = client.get("/account/ledger.csv").data
    assert data.startswith(b"\xef\xbb\xbfseq,")
    assert data.count(b"\xef\xbb\xbf") == 1


def test_a_text_is_no_formula_and_an_amount_stays_a_number(client):
    row = of_csv(client.get("/account/ledger.csv"))[2]
    assert (row["description"], row["amount"]) == ("'=HYPERLINK(1)", "-700")
    assert json.loads(row["metadata"]) == {"url": "https://example.com"}


def test_json_lines_are_an_object_each(client, user):
    response = client.get("/account/ledger.jsonl")
    assert response.headers["Content-Type"] == "application/jsonl; charset=utf-8"
    rows = of_jsonl(response)
    assert [list(row) for row in rows] == [COLUMNS] * 4
    assert rows[2] == {
        "seq": 3,
        "at": clock.iso(ledger.history(user.id)[1]["at"]),
        "type": "usage",
        "amount": -700,
        "before": 150_000,
        "after": 149_300,
        "description": "=HYPERLINK(1)",
        "by": "The tests",
        "reference": None,
        "key": None,
        "metadata": {"url": "https://example.com"},
        "id": str(ledger.history(user.id)[1]["_id"]),
    }


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_it_is_a_file_for_nobodys_cache(client, user, ending):
    with time_machine.travel("2026-11-21T23:59:00Z"):
        sign_in(client, user)
        headers = client.get(f"/account/ledger.{ending}").headers
    assert headers["Content-Disposition"] == f"attachment; filename=ledger-{user.id}-2026-11-21.{ending}"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("type_", "seqs"), [("usage", [3, 5]), ("hold", [4]), ("renewal", [1]), ("expiry", []), ("", [1, 2, 3, 5])]
)
def test_a_type_is_a_filter_as_in_the_history(client, type_, seqs):
    assert [row["seq"] for row in of_jsonl(client.get(f"/account/ledger.jsonl?type={type_}"))] == seqs
    assert [row["seq"] for row in of_csv(client.get(f"/account/ledger.csv?type={type_}"))] == list(map(str, seqs))


def test_holds_are_there_where_they_are_asked_for(client):
    assert [row["seq"] for row in of_jsonl(client.get("/account/ledger.jsonl?holds=shown"))] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("query", ["type=nonsense", "type=$ne", "holds=yes"])
def test_another_filter_is_refused(client, query):
    assert client.get(f"/account/ledger.csv?{query}").status_code == 400


def test_before_the_first_use_there_is_what_the_account_begins_with(app):
    client = sign_in(app.test_client(), make_user())
    assert [row["after"] for row in of_jsonl(client.get("/account/ledger.jsonl"))] == [100_000, 150_000]


def test_where_there_are_no_such_entries_there_is_only_the_head(app):
    client = sign_in(app.test_client(), make_user())
    assert client.get("/account/ledger.csv?type=usage").data.decode("utf-8-sig") == ",".join(COLUMNS) + "\r\n"
    assert client.get("/account/ledger.jsonl?type=usage").data == b""


def test_what_time_has_brought_is_there(app, user):
    with time_machine.travel(clock.now() + timedelta(days=8)):
        rows = of_jsonl(sign_in(app.test_client(), user).get("/account/ledger.jsonl"))
        assert (rows[-1]["type"], rows[-1]["after"]) == ("renewal", token_accounts.view(user.id).balance)


def test_entries_that_are_copied_meanwhile_are_there_once(client, user, statements: Statements):
    def meanwhile():
        token_accounts.spend(user.id, 1, by=OPERATOR)
        account_commit.drain(user.id)

    with statements.meanwhile("find ledger_entries", meanwhile) as fate:
        rows = of_jsonl(client.get("/account/ledger.jsonl"))
    assert fate.happened
    assert [row["seq"] for row in rows] == [1, 2, 3, 5]


@pytest.fixture
def long_ledger(user):
    """50,000 entries, as copying leaves them."""
    account_commit.drain(user.id)
    collection = get_db().ledger_entries
    model = collection.find_one({"account": user.id, "seq": 3})
    facts = {**model, "amount": 0, "before": 149_000, "after": 149_000, "parts": [], "description": "x" * 200}
    with db.slow():
        collection.insert_many({**facts, "_id": ObjectId(), "seq": seq} for seq in range(6, 50_001))
    marks = {"entry_count": 50_000, "drained_seq": 50_000}
    get_db().token_accounts.update_one({"_id": user.id}, {"$set": marks})


@pytest.mark.usefixtures("long_ledger")
def test_a_long_ledger_is_sent_without_being_held(client, statements: Statements):
    response = client.get("/account/ledger.csv", buffered=False)
    blocks = response.iter_encoded()
    lines = next(blocks).count(b"\r\n")
    assert statements.said.count("find ledger_entries") == 1
    for block in blocks:
        assert len(block) < 40_000
        lines += block.count(b"\r\n")
    response.close()
    assert statements.said.count("find ledger_entries") == 50
    # The head, and all but the hold.
    assert lines == 1 + 50_000 - 1


# --- denied -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_it_is_ones_own_alone(app, user, ending):
    assert app.test_client().get(f"/account/ledger.{ending}").location == f"/sign-in?next=/account/ledger.{ending}"
    other = sign_in(app.test_client(), make_user())
    assert b"HYPERLINK" not in other.get(f"/account/ledger.{ending}").data
    assert other.get("/account/ledger.xlsx").status_code == 404
    assert other.post(f"/account/ledger.{ending}").status_code == 405
