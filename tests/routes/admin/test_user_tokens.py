"""Reset and bonus on the admins' pages: what they show first, what they do, and that one form does it once."""

import re
from datetime import UTC, datetime

import pytest
import time_machine

from app.models.audit_event import AuditEvent
from app.models.user import User
from app.services import ledger, token_accounts
from tests.factories import OPERATOR, make_admin, make_user, sign_in
from tests.page_client import text_of

KEY = "0123456789abcdef" * 2
PRIZE = {"amount": "50000", "reason": "A prize", "key": KEY}


@pytest.fixture(autouse=True)
def clock_hand():
    with time_machine.travel(datetime(2026, 3, 10, 12, tzinfo=UTC), tick=False) as traveller:
        yield traveller


@pytest.fixture
def admin():
    return make_admin("adam@example.com", name="Adam")


@pytest.fixture
def client(client, admin):
    return sign_in(client, admin)


@pytest.fixture
def ann():
    ann = make_user("ann@example.com", name="Ann")
    token_accounts.spend(ann.id, 67_500, by=OPERATOR)
    return ann


def reset(client, user, **values):
    return client.post(f"/admin/users/{user.id}/reset", data={"reason": "A demo", "key": KEY} | values)


def bonus(client, user, **values):
    return client.post(f"/admin/users/{user.id}/bonus", data=PRIZE | values)


def preview(client, user, **values):
    return client.get(f"/admin/users/{user.id}/bonus", query_string=PRIZE | values)


def balance(user):
    return token_accounts.view(user.id).balance


def key_of(page):
    return re.search(r'name="key" value="(\w+)"', page.text)[1]


def entries(user, type_):
    return [entry for entry in ledger.history(user.id) if entry["type"] == type_]


def test_reset_says_what_it_will_do(client, ann):
    text = text_of(client.get(f"/admin/users/{ann.id}/reset"))
    assert "67,500 tokens come back: 82,500 → 150,000 available." in text
    assert "A new period starts now, and the allowance of 100,000 tokens renews on Mar 17, 2026." in text
    assert balance(ann) == 82_500


def test_reset_is_done_once_for_a_form_however_often_it_is_sent(client, ann):
    for _ in range(3):
        response = reset(client, ann)
        assert (response.status_code, response.location) == (303, f"/admin/users/{ann.id}")
    [entry] = entries(ann, "reset")
    assert (entry["amount"], entry["description"], entry["by"]["name"]) == (67_500, "A demo", "Adam")
    assert AuditEvent.objects(action="account.reset").get().reason == "A demo"
    assert "67,500 tokens came back" in text_of(client.get(response.location))


def test_a_form_that_was_sent_with_other_content_is_refused(client, ann):
    reset(client, ann)
    response = reset(client, ann, reason="Another reason")
    assert response.status_code == 409
    assert "This form was sent before" in response.text
    assert len(entries(ann, "reset")) == 1


def test_without_an_allowance_there_is_nothing_to_reset(client):
    pia = make_user(tier="prepaid")
    page = client.get(f"/admin/users/{pia.id}/reset")
    assert "no allowance that could be reset" in page.text
    assert "<textarea" not in page.text


PREVIEWS = [
    ("50000", ["67,500 − 50,000 = 17,500 used.", "82,500 → 132,500 available."]),
    ("67500", ["67,500 − 67,500 = 0 used.", "82,500 → 150,000 available."]),
    ("100000", ["67,500 − 67,500 = 0 used.", "32,500 become a grant.", "82,500 → 182,500 available."]),
    ("1", ["67,500 − 1 = 67,499 used.", "82,500 → 82,501 available."]),
    ("01", ["67,500 − 1 = 67,499 used."]),
    ("1000000", ["932,500 become a grant."]),
]


@pytest.mark.parametrize(("amount", "said"), PREVIEWS)
def test_a_bonus_is_shown_before_it_is_added(client, ann, amount, said):
    page = preview(client, ann, amount=amount)
    assert page.status_code == 200
    text = text_of(page)
    assert [one for one in said if one not in text] == []
    assert balance(ann) == 82_500
    assert key_of(page) == KEY
    assert bonus(client, ann, amount=amount).status_code == 303
    assert balance(ann) == 82_500 + int(amount)


def test_a_bonus_without_an_allowance_is_all_a_grant(client):
    pia = make_user(tier="prepaid")
    text = text_of(preview(client, pia))
    assert "50,000 become a grant. 50,000 → 100,000 available." in text
    assert "used." not in text


def test_a_bonus_is_added_once_for_a_form_however_often_it_is_sent(client, ann):
    for _ in range(3):
        response = bonus(client, ann)
        assert (response.status_code, response.location) == (303, f"/admin/users/{ann.id}")
    [entry] = entries(ann, "bonus")
    assert (entry["amount"], entry["description"]) == (50_000, "A prize")
    assert token_accounts.view(ann.id).used == 17_500
    assert "50,000 tokens are added." in text_of(client.get(response.location))
    assert bonus(client, ann, amount="1").status_code == 409
    assert balance(ann) == 132_500


def test_each_form_has_a_key_of_its_own_and_its_preview_keeps_it(client, ann):
    keys = [key_of(client.get(f"/admin/users/{ann.id}/bonus")) for _ in range(3)]
    assert len(set(keys)) == 3
    assert [key_of(preview(client, ann, key=key)) for key in keys] == keys


def test_what_is_previewed_can_be_changed(client, ann):
    page = preview(client, ann, step="edit", reason="A <prize>")
    assert page.status_code == 200
    assert 'value="50000"' in page.text
    assert "A &lt;prize&gt;" in page.text
    assert balance(ann) == 82_500


BAD_AMOUNTS = [
    "",
    " ",
    "0",
    "-1",
    "0.5",
    "1e3",
    "1,000",
    "1000001",
    "9" * 8,
    "9" * 5_000,
    "١٢",
    "１",
    "NaN",
    "true",
    "0x1",
]


@pytest.mark.parametrize("amount", BAD_AMOUNTS)
@pytest.mark.parametrize("step", [preview, bonus])
def test_a_bad_amount_is_refused_at_its_field(client, ann, amount, step):
    response = step(client, ann, amount=amount)
    assert response.status_code == 400
    assert 'id="amount-errors"' in response.text
    assert balance(ann) == 82_500


@pytest.mark.parametrize("action", [reset, preview, bonus])
@pytest.mark.parametrize(
    "values", [{"reason": ""}, {"reason": "   "}, {"reason": "x" * 501}, {"reason": "nul\0"}, {"key": ""}]
)
def test_a_reason_and_the_forms_key_are_required(client, ann, action, values):
    response = action(client, ann, **values)
    assert response.status_code == 400
    assert balance(ann) == 82_500


@pytest.mark.parametrize("action", [reset, preview, bonus])
@pytest.mark.parametrize("values", [{}, {"reason": ""}])
def test_nobody_changes_their_own_tokens(client, admin, action, values):
    before = balance(admin)
    for response in (
        action(client, admin, **values),
        *(client.get(f"/admin/users/{admin.id}/{name}") for name in ("reset", "bonus")),
    ):
        assert response.status_code == 403
        assert "You cannot change your own tokens." in text_of(response)
    assert balance(admin) == before


@pytest.mark.parametrize("action", [reset, bonus])
def test_only_who_manages_users_may(client, ann, action):
    sign_in(client, make_user(roles=["reviewer"]))
    assert action(client, ann).status_code == 403
    for name in ("reset", "bonus"):
        assert client.get(f"/admin/users/{ann.id}/{name}").status_code == 403
    assert balance(ann) == 82_500


@pytest.mark.parametrize("action", [reset, bonus])
def test_a_user_who_is_not_there_is_not_found(client, ann, action):
    User.objects(id=ann.id).delete()
    assert action(client, ann).status_code == 404
