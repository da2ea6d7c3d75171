"""The history of an account through the API, as existing clients ask for it."""

from datetime import timedelta

import pytest
import time_machine
from bson import ObjectId
from mongoengine.connection import get_db

from app import clock
from app.models.account import GrantSource
from app.services import account_commit, ledger_pages, token_accounts
from tests.factories import OPERATOR, make_admin, make_user, sign_in
from tests.routes.api.gallery.calls import get

# --- the history ------------------------------------------------------------------------------------------------------


def test_an_entry_of_the_history_has_every_field(client, ada):
    metadata = {"url": "https://example.com", "analysis_id": "a-1", "model": "gpt-4o"}
    outcome = token_accounts.spend(
        ada.id, 2_500, by=OPERATOR, description="Analysis of https://example.com", metadata=metadata
    )
    response = get(client, ada, "/history?limit=1")
    assert response.status_code == 200
    assert response.json == {
        "success": True,
        "data": {
            "data": [
                {
                    "id": str(outcome.entry_id),
                    "seq": 4,
                    "userId": str(ada.id),
                    "type": "analysis",
                    "ledgerType": "usage",
                    "tokensAmount": -2_500,
                    "tokensBefore": 82_500,
                    "tokensAfter": 80_000,
                    "analysisUrl": "https://example.com",
                    "analysisId": "a-1",
                    "description": "Analysis of https://example.com",
                    "metadata": {"model": "gpt-4o"},
                    "createdAt": clock.iso(outcome.at),
                }
            ],
            "total": 4,
            "page": 1,
            "limit": 1,
            "totalPages": 4,
        },
    }


@pytest.mark.parametrize(
    "metadata",
    [
        {"url": 7, "analysis_id": True},
        {"url": None, "analysis_id": None},
        {"url": "javascript:alert(1)"},
        {"url": "data:text/html,x", "analysis_id": 1.5},
    ],
    ids=repr,
)
def test_metadata_that_is_no_address_and_no_text_stays_where_it_is(client, ada, metadata):
    token_accounts.spend(ada.id, 5, by=OPERATOR, metadata=metadata)
    (entry,) = get(client, ada, "/history?limit=1").json["data"]["data"]
    assert entry["metadata"] == metadata
    assert not {"analysisUrl", "analysisId"} & set(entry)


def test_the_document_says_that_what_is_lifted_is_text(client):
    fields = client.get("/api/openapi.json").json["components"]["schemas"]["HistoryEntry"]["properties"]
    for name in ("analysisUrl", "analysisId"):
        assert {"type": "string"} in fields[name]["anyOf"]


def test_an_entry_without_metadata_has_none_and_no_analysis(client, ada):
    (entry,) = get(client, ada, "/history?limit=1").json["data"]["data"]
    assert entry["metadata"] == {}
    assert "analysisUrl" not in entry
    assert "analysisId" not in entry


@pytest.fixture
def eventful(ada):
    """One entry at least of every type, the renewal and the expiry brought by time alone."""
    by, soon = OPERATOR, clock.now() + timedelta(hours=1)
    token_accounts.grant(ada.id, 10, source=GrantSource.ADJUSTMENT, by=by, reason="Soon over", expires_at=soon)
    token_accounts.release(token_accounts.hold(ada.id, 9, by=by).hold_id, by=by)
    token_accounts.reset(ada.id, by=by, reason="Start again")
    token_accounts.add_bonus(ada.id, 20, by=by, reason="Sorry")
    token_accounts.grant(ada.id, 30, source=GrantSource.PURCHASE, by=by, reason="Bought", key="order:1")
    token_accounts.revoke(ada.id, undoes="order:1", by=by, reason="Returned", key="order:1:back")
    token_accounts.change_tier(ada.id, "pro", by=by, reason="More")
    token_accounts.change_tier(ada.id, "free", by=by, reason="Less")
    token_accounts.change_tier(ada.id, "free", by=by, reason="The same")
    token_accounts.settle(token_accounts.hold(ada.id, 8, by=by).hold_id, 8, by=by)
    with time_machine.travel(clock.now() + timedelta(days=8)):
        yield ada


@pytest.fixture
def later(app, eventful):
    """An admin's client at the time of `eventful`."""
    return sign_in(app.test_client(), make_admin())


KINDS = {
    "analysis": [("usage", -8), ("usage", -67_500)],
    "reset": [("renewal", 8), ("reset", 67_500), ("renewal", 100_000)],
    "bonus": [
        *(("adjustment", 900_000), ("purchase", 30), ("bonus", 20), ("grant", 10), ("grant", 50_000)),
    ],
    "adjustment": [("expiry", -10), ("adjustment", 0), ("adjustment", -900_000), ("revocation", -30)],
}


@pytest.mark.parametrize("drained", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_types_are_told_apart_as_these_clients_know_them(later, eventful, kind, drained):
    if drained:
        account_commit.drain(eventful.id)
    page = get(later, eventful, f"/history?type={kind}").json["data"]
    assert [(entry["ledgerType"], entry["tokensAmount"]) for entry in page["data"]] == KINDS[kind]
    assert {entry["type"] for entry in page["data"]} == {kind}
    assert (page["total"], page["totalPages"]) == (len(KINDS[kind]), 1)


@pytest.mark.parametrize("drained", [False, True])
@pytest.mark.parametrize("limit", [1, 3, 4, 14, 100])
def test_pages_join_and_each_balance_follows_from_the_one_before(later, eventful, limit, drained):
    if drained:
        account_commit.drain(eventful.id)
    first = get(later, eventful, f"/history?limit={limit}").json["data"]
    assert (first["total"], first["totalPages"]) == (14, -(-14 // limit))
    seen = [
        entry
        for page in range(1, first["totalPages"] + 2)
        for entry in get(later, eventful, f"/history?page={page}&limit={limit}").json["data"]["data"]
    ]
    assert len(seen) == len({entry["seq"] for entry in seen}) == 14
    assert seen[0]["tokensAfter"] == get(later, eventful).json["data"]["balance"]
    for newer, older in zip(seen, [*seen[1:], {"tokensAfter": 0}], strict=True):
        assert newer["tokensBefore"] == older["tokensAfter"]
        assert newer["tokensAfter"] == newer["tokensBefore"] + newer["tokensAmount"]


def test_a_history_can_be_continued_from_an_entry(later, eventful):
    whole = get(later, eventful, "/history").json["data"]["data"]
    rest = get(later, eventful, f"/history?before={whole[3]['seq']}&limit=5").json["data"]["data"]
    assert rest == whole[4:9]
    second = get(later, eventful, f"/history?before={whole[3]['seq']}&limit=5&page=2").json["data"]["data"]
    assert second == whole[9:14]


def test_before_the_first_use_the_history_is_what_the_account_begins_with(client):
    data = get(client, make_user(), "/history").json["data"]
    assert [(entry["ledgerType"], entry["tokensAfter"]) for entry in data["data"]] == [
        ("grant", 150_000),
        ("renewal", 100_000),
    ]
    assert (data["total"], data["totalPages"]) == (2, 1)


def test_of_a_type_that_there_is_none_of_the_history_is_empty(client):
    data = get(client, make_user(), "/history?type=analysis").json["data"]
    assert data == {"data": [], "total": 0, "page": 1, "limit": 50, "totalPages": 0}


@pytest.mark.parametrize(("page", "status"), [(1, 200), (101, 200), (102, 400), (10**15 - 1, 400)])
def test_a_page_too_deep_for_its_number_says_how_to_go_on(client, ada, page, status):
    response = get(client, ada, f"/history?page={page}&limit=100")
    assert response.status_code == status
    if status == 400:
        assert (response.json["code"], response.json["details"]) == ("use_cursor", {"most": 10_000})


@pytest.mark.parametrize(
    ("query", "field"),
    [
        *((f"page={value}", "page") for value in ("0", "-1", "1.0", "x", "٣", "9" * 30)),
        *((f"limit={value}", "limit") for value in ("0", "101", "-1", "1_0", "%20")),
        *((f"type={value}", "type") for value in ("usage", "hold", "ANALYSIS", "$ne")),
        *((f"before={value}", "before") for value in ("-1", "x", "1e3")),
        ("offset=5", "offset"),
        ("page=1&page=2", "page"),
    ],
)
def test_other_filters_are_refused(client, ada, query, field):
    response = get(client, ada, f"/history?{query}")
    assert (response.status_code, response.json["code"], list(response.json["errors"])) == (
        400,
        "invalid_input",
        [field],
    )


def test_pages_read_only_what_they_show_and_counting_reads_no_usage(client, ada, monkeypatch):
    """Of a long ledger, most of it usage and holds."""
    account_commit.drain(ada.id)
    model = get_db().ledger_entries.find_one({"type": "usage"})
    kinds = ["usage", "hold", "release"]
    get_db().ledger_entries.insert_many(
        {**model, "_id": ObjectId(), "seq": 3 + n, "type": kinds[n % 3], "amount": 0, "before": 82_500, "after": 82_500}
        for n in range(1, 3_001)
    )
    marks = {"entry_count": 3_003, "drained_seq": 3_003, "drained_balance": 82_500, "lifetime_calls": 1_001}
    get_db().token_accounts.update_one({"_id": ada.id}, {"$set": marks})
    database = get_db()
    for query, shown in (
        ("page=1", 50),
        ("page=15", 50),
        ("page=21", 3),
        ("type=analysis&page=10", 50),
        ("type=bonus", 1),
    ):
        database.command("profile", 2)
        data = get(client, ada, f"/history?{query}").json["data"]
        database.command("profile", 0)
        reads = list(database["system.profile"].find({"ns": f"{database.name}.ledger_entries"}))
        database["system.profile"].drop()
        assert len(data["data"]) == shown
        assert sum(read["docsExamined"] for read in reads) <= shown + 2
        counting = [read for read in reads if "aggregate" in read["command"]]
        assert all(read["keysExamined"] < 30 for read in counting)
    assert get(client, ada, "/history").json["data"]["total"] == 1_003
    assert ledger_pages.LARGEST_OFFSET == 10_000
