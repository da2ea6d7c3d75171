"""Quota administration through the API, as existing clients send and expect it."""

import re
from datetime import timedelta

import pytest
import time_machine
from bson import ObjectId
from mongoengine.connection import get_db

from app import clock
from app.models.account import GrantSource
from app.models.audit_event import AuditEvent
from app.services import account_commit, ledger_pages, token_accounts
from tests.bad_texts import BLANK
from tests.factories import OPERATOR, actor_of, bearer, make_admin, make_user, sign_in

PATH = "/api/admin/gallery-users"
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
WHY = {"reason": "Customer support request"}
BONUS = {"amount": 50_000, "reason": "Compensation for service issue"}
NOBODY = ["f" * 24, "f" * 23, "f" * 25, "g" * 24, "1", "-1", "abc", "$ne", "{}", "%20", "external:u-17"]
NOBODY += ["ada@example.com", "٣" * 24, "..%2f1", "9" * 400]


@pytest.fixture
def admin():
    return make_admin(name="Bob")


@pytest.fixture
def client(client, admin):
    return sign_in(client, admin)


@pytest.fixture
def ada():
    """She has used 67,500 of her allowance."""
    user = make_user("ada@example.com", name="Ada")
    token_accounts.spend(user.id, 67_500, by=OPERATOR, description="gpt-4o")
    return user


def get(client, user, what="", **options):
    return client.get(f"{PATH}/{getattr(user, 'id', user)}/quota{what}", **options)


def post(client, user, what, body=None, **options):
    return client.post(f"{PATH}/{getattr(user, 'id', user)}/quota/{what}", json=body, **options)


def entries():
    """What nothing but an operation changes."""
    return list(get_db().token_accounts.find()), list(get_db().ledger_entries.find())


# --- the account ------------------------------------------------------------------------------------------------------


def test_the_quota_has_every_field(client, ada):
    response = get(client, ada)
    assert response.status_code == 200
    data = response.json["data"]
    account = token_accounts.view(ada.id)
    assert response.json == {
        "success": True,
        "data": {
            "userId": str(ada.id),
            "tier": "free",
            "quota": {
                "limit": 100_000,
                "used": 67_500,
                "remaining": 32_500,
                "usagePercentage": 67.5,
                "periodStart": clock.iso(account.period_start),
                "periodEnd": clock.iso(account.period_start + timedelta(days=7)),
            },
            "stats": {
                "totalTokensUsed": 67_500,
                "analysisCount": 1,
                "lastAnalysisAt": clock.iso(account.last_spend_at),
            },
            "balance": 82_500,
            "held": 0,
            "available": 82_500,
            "grants": [
                {
                    "id": str(account.grants[0].id),
                    "source": "initial",
                    "amount": 50_000,
                    "left": 50_000,
                    "expiresAt": None,
                }
            ],
        },
    }
    assert type(data["quota"]["usagePercentage"]) is float
    assert INSTANT.fullmatch(data["quota"]["periodStart"])


def test_holds_and_expiring_grants_are_told(client, ada):
    expires_at = clock.now() + timedelta(days=3)
    token_accounts.grant(ada.id, 700, source=GrantSource.BETA, by=OPERATOR, reason="Beta", expires_at=expires_at)
    token_accounts.hold(ada.id, 400, by=OPERATOR)
    data = get(client, ada).json["data"]
    assert (data["balance"], data["held"], data["available"]) == (83_200, 400, 82_800)
    assert (data["grants"][1]["source"], data["grants"][1]["expiresAt"]) == ("beta", clock.iso(expires_at))
    # The allowance alone.
    assert data["quota"]["remaining"] == 32_500


def test_before_the_first_use_there_is_the_account_that_it_will_make(client):
    user = make_user()
    data = get(client, user).json["data"]
    assert (data["quota"]["used"], data["balance"], data["stats"]["lastAnalysisAt"]) == (0, 150_000, None)
    assert entries() == ([], [])


def test_without_an_allowance_there_is_no_period_and_no_percentage(client):
    data = get(client, make_user(tier="prepaid")).json["data"]
    assert data["quota"] == {
        "limit": 0,
        "used": 0,
        "remaining": 0,
        "usagePercentage": 0.0,
        "periodStart": None,
        "periodEnd": None,
    }
    assert (data["tier"], data["balance"]) == ("prepaid", 50_000)


def test_a_lower_tier_leaves_nothing_and_no_more_than_all(client):
    user = make_user(tier="pro")
    token_accounts.spend(user.id, 250_000, by=OPERATOR)
    token_accounts.change_tier(user.id, "free", by=OPERATOR, reason="Smaller plan")
    quota = get(client, user).json["data"]["quota"]
    assert (quota["used"], quota["remaining"], quota["usagePercentage"]) == (250_000, 0, 100.0)


def test_a_lapsed_period_counts_as_a_new_one(client, ada, app):
    with time_machine.travel(clock.now() + timedelta(days=8)):
        again = sign_in(app.test_client(), make_admin())
        quota = get(again, ada).json["data"]["quota"]
    assert (quota["used"], quota["remaining"]) == (0, 100_000)


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


# --- resetting --------------------------------------------------------------------------------------------------------


def test_a_reset_gives_the_whole_allowance_again(client, ada, admin):
    response = post(client, ada, "reset", WHY)
    assert response.status_code == 200
    period_end = token_accounts.view(ada.id).period_end
    assert response.json == {
        "success": True,
        "message": "Quota reset successfully",
        "data": {
            "message": "Quota reset successfully",
            "newQuota": {"limit": 100_000, "used": 0, "remaining": 100_000, "periodEnd": clock.iso(period_end)},
        },
    }
    assert clock.now() + timedelta(days=6, hours=23) < period_end
    event = AuditEvent.objects.get(action="account.reset")
    assert (event.actor["id"], event.reason) == (str(admin.id), WHY["reason"])
    (entry,) = get(client, ada, "/history?limit=1").json["data"]["data"]
    assert (entry["type"], entry["tokensAmount"], entry["description"]) == ("reset", 67_500, WHY["reason"])


def test_without_an_allowance_a_reset_gives_nothing(client):
    response = post(client, make_user(tier="prepaid"), "reset", WHY)
    assert response.json["data"]["newQuota"] == {"limit": 0, "used": 0, "remaining": 0, "periodEnd": None}


# --- adding tokens ----------------------------------------------------------------------------------------------------


def test_added_tokens_lower_what_was_used(client, ada):
    response = post(client, ada, "add-tokens", BONUS)
    assert response.status_code == 200
    assert response.json == {
        "success": True,
        "message": "50,000 tokens added successfully",
        "data": {
            "message": "50,000 tokens added successfully",
            "newQuota": {"limit": 100_000, "used": 17_500, "remaining": 82_500, "bonusAdded": 50_000},
        },
    }
    assert token_accounts.view(ada.id).balance == 132_500
    assert AuditEvent.objects.get(action="account.bonus").reason == BONUS["reason"]


@pytest.mark.parametrize("amount", [1, 1_000_000, 1_000_000.0])
def test_the_balance_rises_by_exactly_what_was_added(client, ada, amount):
    response = post(client, ada, "add-tokens", BONUS | {"amount": amount})
    assert response.json["message"] == f"{int(amount):,} tokens added successfully"
    assert response.json["data"]["newQuota"]["bonusAdded"] == amount
    assert token_accounts.view(ada.id).balance == 82_500 + amount


def test_the_message_is_in_the_language_of_the_reader(client, ada):
    russian = post(client, ada, "add-tokens", BONUS, headers={"Accept-Language": "ru"})
    assert "50\xa0000" in russian.json["message"]


FIVE_THOUSAND_DIGITS = "9" * 5_000


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        *((amount, "invalid_input") for amount in ("-5", "0", "-0.0", "0.5", "1000001", '"100"', "true", "null")),
        *((amount, "invalid_input") for amount in ("9223372036854775808", "1e300", "[1]", "{}", '{"$gt": 0}')),
        *((amount, "invalid_json") for amount in ("1e400", "-1e400", "NaN", "Infinity", FIVE_THOUSAND_DIGITS)),
    ],
    ids=lambda value: value[:20],
)
def test_an_amount_that_is_none_is_refused_and_changes_nothing(client, ada, amount, code):
    before = entries()
    response = client.post(
        f"{PATH}/{ada.id}/quota/add-tokens",
        data=f'{{"amount": {amount}, "reason": "Why"}}',
        content_type="application/json",
        csrf=False,
    )
    assert (response.status_code, response.json["code"]) == (400, code)
    assert list(response.json["errors"]) == (["amount"] if code == "invalid_input" else [])
    assert entries() == before


# --- both changes -----------------------------------------------------------------------------------------------------

CHANGES = [("reset", WHY), ("add-tokens", BONUS)]
both = pytest.mark.parametrize(("what", "body"), CHANGES, ids=["reset", "add-tokens"])


@both
@pytest.mark.parametrize("reason", [None, 7, True, ["Why"], *BLANK, "x" * 501, "bell\x07"])
def test_a_change_needs_a_reason(client, ada, what, body, reason):
    before = entries()
    response = post(client, ada, what, body | {"reason": reason})
    assert (response.status_code, list(response.json["errors"])) == (400, ["reason"])
    assert entries() == before


@both
def test_a_reason_is_trimmed_and_may_be_long(client, ada, what, body):
    assert post(client, ada, what, body | {"reason": f" {'x' * 500} "}).status_code == 200
    (entry,) = get(client, ada, "/history?limit=1").json["data"]["data"]
    assert entry["description"] == "x" * 500


@both
@pytest.mark.parametrize("more", [{"user": "x"}, {"Reason": "x"}, {"tokens": 5}])
def test_other_fields_are_refused(client, ada, what, body, more):
    before = entries()
    assert post(client, ada, what, body | more).status_code == 400
    assert post(client, ada, what, None).status_code == 400
    assert entries() == before


@both
def test_a_repeat_under_the_same_key_has_one_effect(client, ada, what, body):
    headers = {"Idempotency-Key": "ticket 17"}
    first, second = (post(client, ada, what, body, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json == second.json
    assert "Idempotent-Replay" not in first.headers
    assert second.headers["Idempotent-Replay"] == "true"
    account_commit.drain(ada.id)
    assert get_db().ledger_entries.count_documents({"key": "api:ticket 17"}) == 1
    assert AuditEvent.objects(object__kind="account").count() == 1


@both
def test_a_key_that_was_used_for_something_else_is_a_conflict(client, ada, what, body):
    headers = {"Idempotency-Key": "ticket 17"}
    post(client, ada, what, body, headers=headers)
    before = entries()
    response = post(client, ada, what, body | {"reason": "Something else"}, headers=headers)
    assert (response.status_code, response.json["code"]) == (409, "idempotency_key_reused")
    assert entries() == before


@both
@pytest.mark.parametrize("key", ["", " x", "x" * 201, "tab\there", "naïve"])
def test_an_unusable_key_is_refused(client, ada, what, body, key):
    before = entries()
    response = post(client, ada, what, body, headers={"Idempotency-Key": key})
    assert (response.status_code, list(response.json["errors"])) == (400, ["Idempotency-Key"])
    assert entries() == before


@both
def test_callers_at_once_with_one_key_have_one_effect(app, ada, threads, what, body):
    headers = bearer(make_admin(), "users.manage") | {"Idempotency-Key": "once"}
    clients = [app.test_client() for _ in range(8)]
    answers = threads(lambda i: post(clients[i], ada, what, body, headers=headers), 8)
    assert [answer.status_code for answer in answers] == [200] * 8
    account_commit.drain(ada.id)
    assert get_db().ledger_entries.count_documents({"key": "api:once"}) == 1


# --- who may, and about whom ------------------------------------------------------------------------------------------

READS = ["", "/history"]


@pytest.mark.parametrize("user", NOBODY)
def test_nobody_is_not_found(client, user):
    answers = [get(client, user, what) for what in READS] + [post(client, user, what, body) for what, body in CHANGES]
    for answer in answers:
        assert (answer.status_code, answer.json["code"]) == (404, "not_found")
        if "%2f" not in user:
            assert answer.json["message"] == answer.json["error"] == "Gallery user not found"
    assert entries() == ([], [])


@both
def test_nobody_changes_their_own_tokens(client, admin, what, body):
    token_accounts.spend(admin.id, 500, by=OPERATOR)
    before = entries()
    for headers in ({}, bearer(admin, "users.manage")):
        response = post(client, admin, what, body, headers=headers)
        assert (response.status_code, response.json["code"]) == (403, "forbidden")
        assert response.json["message"] == "You cannot change your own tokens."
    assert entries() == before
    assert get(client, admin).status_code == 200


@pytest.mark.parametrize(
    ("scopes", "reads", "changes"),
    [
        (["users.read"], 200, 403),
        (["users.manage"], 403, 200),
        (["users.read", "users.manage"], 200, 200),
        (["self", "usage.write", "requests.review", "audit.read"], 403, 403),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_key_does_what_its_scopes_say(app, ada, scopes, reads, changes):
    client, headers = app.test_client(), bearer(make_admin(), *scopes)
    before = entries()
    assert [get(client, ada, what, headers=headers).status_code for what in READS] == [reads] * 2
    assert [post(client, ada, what, body, headers=headers).status_code for what, body in CHANGES] == [changes] * 2
    assert (entries() == before) is (changes == 403)


@pytest.mark.parametrize(("roles", "reads"), [([], 403), (["support"], 200), (["reviewer"], 200)])
def test_who_only_reads_changes_nothing(app, ada, roles, reads):
    client, before = sign_in(app.test_client(), make_user(roles=roles)), entries()
    assert [get(client, ada, what).status_code for what in READS] == [reads] * 2
    assert [post(client, ada, what, body).status_code for what, body in CHANGES] == [403, 403]
    assert entries() == before


def test_a_stranger_is_told_to_sign_in(app, ada):
    client = app.test_client()
    assert [get(client, ada, what).status_code for what in READS] == [401] * 2
    assert [post(client, ada, what, body).status_code for what, body in CHANGES] == [401] * 2


@both
def test_a_session_must_come_from_our_own_pages(client, ada, what, body):
    before = entries()
    for origin in ("https://evil.example", None):
        response = post(client, ada, what, body, origin=origin)
        assert (response.status_code, response.json["code"]) == (403, "origin")
    assert entries() == before
    assert post(client, ada, what, body, origin="http://localhost").status_code == 200


def test_another_method_is_told_which_there_are(client, ada):
    assert "GET" in client.delete(f"{PATH}/{ada.id}/quota").headers["Allow"]
    assert "POST" in client.get(f"{PATH}/{ada.id}/quota/reset").headers["Allow"]


def test_who_changed_what_stands_in_the_ledger(client, ada, admin):
    post(client, ada, "reset", WHY)
    by = get_db().token_accounts.find_one({"_id": ada.id})["entries"][-1]["by"]
    assert by == actor_of(admin).stamp()
