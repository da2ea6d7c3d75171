"""A user's page for admins: who it is, the account, what was asked for."""

import re
from functools import partial

import pytest
from bson import ObjectId

from app.models.user import User
from app.services import account_commit, review, token_accounts
from tests.factories import OPERATOR, make_admin, make_request, make_user, sign_in
from tests.page_client import text_of


@pytest.fixture
def client(client):
    return sign_in(client, make_admin("adam@example.com", name="Adam"))


@pytest.fixture
def ann():
    ann = make_user("ann@example.com", name="Ann Lee", roles=["support"])
    User.objects(id=ann.id).update(external_id="crm-17", phone="+79991234567", phone_confirmed=True)
    return ann


def url(user, rest=""):
    return f"/admin/users/{user.id}{rest}"


def test_the_page_says_who_it_is_and_what_they_have(client, ann):
    token_accounts.spend(ann.id, 67_500, by=OPERATOR, description="A talk")
    text = text_of(client.get(url(ann)))
    for said in (
        *("Ann Lee", "ann@example.com", "Active", "+79991234567 confirmed", "crm-17", str(ann.id), "users.read"),
        *("Tier: FREE (100K/week)", "82,500", "67,500 of 100,000 used", "Welcome tokens", "A talk"),
    ):
        assert said in text, said


def test_every_figure_leads_to_what_makes_it_up(client, ann):
    token_accounts.spend(ann.id, 1, by=OPERATOR)
    page = client.get(url(ann))
    assert f'href="{url(ann, "/explain/available")}"' in page.text
    assert f'href="{url(ann, "/ledger.csv")}"' in page.text


def test_who_is_out_of_tokens_is_said_to_be_with_the_way_to_the_reason(client, ann):
    assert "This user is out of tokens." not in client.get(url(ann)).text
    token_accounts.spend(ann.id, 150_000, by=OPERATOR)
    page = client.get(url(ann))
    assert "This user is out of tokens. Why was this user stopped?" in text_of(page)
    [address] = re.findall(r'href="([^"]+)">Why was this user stopped', page.text)
    assert client.get(address).status_code == 200
    token_accounts.reset(ann.id, by=OPERATOR, reason="Again")
    assert "This user is out of tokens." not in client.get(url(ann)).text


def test_the_card_is_what_the_newest_entry_says_also_while_tokens_are_spent(client, ann, statements):
    token_accounts.spend(ann.id, 100, by=OPERATOR)
    account_commit.drain(ann.id)
    spend = partial(token_accounts.spend, ann.id, 50, by=OPERATOR)
    with statements.meanwhile("find ledger_entries", spend) as fate:
        text = text_of(client.get(url(ann)))
    assert fate.happened
    assert "100 of 100,000 used" in text
    assert "Usage −100 Before 150,000 After 149,900" in text
    assert "Usage −50" not in text


def test_a_user_of_whom_nothing_is_known_has_a_page_too(client, app, monkeypatch):
    monkeypatch.setitem(app.config, "INITIAL_TOKENS", 0)
    new = make_user(tier="prepaid")
    User.objects(id=new.id).update(email_confirmed=False)
    text = text_of(client.get(url(new)))
    assert "Not confirmed" in text
    assert "This user has not asked for anything." in text
    assert "Nothing has happened yet" in text


def test_the_history_has_a_filter_and_pages(client, ann):
    for number in range(55):
        token_accounts.spend(ann.id, 1, by=OPERATOR, description=f"Spend {number}.")
    first = client.get(url(ann, "?type=usage"))
    assert len(re.findall(r"Spend \d+\.", first.text)) == 50
    assert "First period" not in first.text
    address = re.search(r'rel="next" href="([^"]+)"', first.text)[1].replace("&amp;", "&")
    assert address.startswith(url(ann, "?type=usage&before="))
    assert len(re.findall(r"Spend \d+\.", client.get(address).text)) == 5
    assert "Nothing of this type" in client.get(url(ann, "?type=bonus")).text
    assert client.get(url(ann, "?type=nothing")).status_code == 400


def test_the_requests_are_counted_and_the_newest_shown(client, ann):
    for _ in range(2):
        review.reject(make_request(ann), by=OPERATOR, response="No.")
    make_request(ann)
    make_request()
    page = client.get(url(ann))
    assert re.findall(r'href="/admin/requests/(\d+)"', page.text) == ["3", "2", "1"]
    assert 'Requests <span class="text-muted number">3</span>' in page.text


def test_of_many_requests_the_newest_are_shown_and_all_are_counted(client, ann, app, monkeypatch):
    monkeypatch.setitem(app.config, "QUOTA_REQUESTS_A_DAY", 9)
    for _ in range(7):
        review.reject(make_request(ann), by=OPERATOR, response="No.")
    page = client.get(url(ann))
    assert re.findall(r'href="/admin/requests/(\d+)"', page.text) == ["7", "6", "5", "4", "3"]
    assert 'Requests <span class="text-muted number">7</span>' in page.text


def test_the_request_leads_to_the_user(client, ann):
    make_request(ann)
    assert f'href="{url(ann)}"' in client.get("/admin/requests/1").text


@pytest.mark.parametrize(
    ("who", "buttons"),
    [("admin", ["reset", "bonus", "change"]), ("support", []), ("themselves", ["change"])],
)
def test_the_buttons_are_for_those_who_may(client, ann, who, buttons):
    reader = {"admin": None, "support": make_user(roles=["support"]), "themselves": make_admin()}[who]
    if reader:
        sign_in(client, reader)
    shown = reader if who == "themselves" else ann
    page = client.get(url(shown))
    assert re.findall(rf'href="{url(shown)}/(reset|bonus|change)"', page.text) == (
        ["change", *buttons[:2]] if who == "admin" else buttons
    )
    assert ("This is your own account." in page.text) == (who == "themselves")


def test_a_page_of_nobody_is_not_found(client):
    for reference in (ObjectId(), "x", "1", "$ne"):
        assert client.get(f"/admin/users/{reference}").status_code == 404


@pytest.mark.parametrize(("roles", "status"), [(["support"], 200), ([], 403)])
def test_the_page_needs_users_read(client, ann, roles, status):
    sign_in(client, make_user(roles=roles))
    assert client.get(url(ann)).status_code == status
