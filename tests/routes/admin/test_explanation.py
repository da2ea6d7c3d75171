"""What makes up the figures of a user's account, and why the user was stopped, for admins."""

import pytest

from app.services import token_accounts, user_changes
from app.services.explanation import Figure
from tests.factories import OPERATOR, make_admin, make_request, make_user, sign_in
from tests.page_client import text_of


@pytest.fixture
def user():
    made = make_user(name="Ann Other")
    token_accounts.spend(made.id, 67_500, by=OPERATOR)
    return made


@pytest.fixture
def client(client):
    return sign_in(client, make_user(roles=["support"]))


@pytest.mark.parametrize("figure", Figure)
def test_an_admin_opens_every_figure_of_a_user(client, user, figure):
    page = client.get(f"/admin/users/{user.id}/explain/{figure}")
    assert page.status_code == 200
    assert f'class="page-back" href="/admin/users/{user.id}"' in page.text
    # The reader's own account is another matter.
    assert "/account/explain/" not in page.text


def test_the_figures_are_the_users(client, user):
    page = client.get(f"/admin/users/{user.id}/explain/balance")
    assert "82,500 = 32,500 left of the allowance + 50,000 from grants" in text_of(page)
    assert f'href="/admin/users/{user.id}/explain/allowance"' in page.text
    assert "Ann Other" in page.text


def test_one_grant_of_a_user_can_be_opened(client, user):
    grant = token_accounts.view(user.id).grants[0].id
    page = client.get(f"/admin/users/{user.id}/explain/grants?grant={grant}")
    assert "50,000 = 50,000 given − 0 taken" in text_of(page)


def test_why_a_user_was_stopped_and_what_the_user_may_do(client, user):
    token_accounts.spend(user.id, 82_500, by=OPERATOR)
    text = text_of(client.get(f"/admin/users/{user.id}/stopped"))
    assert "The allowance of this period is used up, and no grants are left to go on with." in text
    assert "The user may request more tokens." in text


def test_a_request_that_waits_is_named_and_linked_for_reviewers(app, client, user):
    number = make_request(user, used=82_500).number
    page = client.get(f"/admin/users/{user.id}/stopped")
    assert f"Request #{number} of this user waits for a decision." in text_of(page)
    assert f"/admin/requests/{number}" not in page.text
    reviewer = sign_in(app.test_client(), make_user(roles=["reviewer"]))
    assert f"/admin/requests/{number}" in reviewer.get(f"/admin/users/{user.id}/stopped").text


def test_a_deactivated_user_is_stopped_by_that(client, user):
    user_changes.deactivate(user.id, by=OPERATOR)
    assert "The account is deactivated" in text_of(client.get(f"/admin/users/{user.id}/stopped"))


def test_a_user_with_tokens_is_not_stopped(client, user):
    assert "Nothing stops this user" in text_of(client.get(f"/admin/users/{user.id}/stopped"))


PAGES = ["explain/balance", "stopped"]


@pytest.mark.parametrize("page", PAGES)
def test_only_who_may_read_users_opens_them(app, user, page):
    address = f"/admin/users/{user.id}/{page}"
    assert sign_in(app.test_client(), make_user()).get(address).status_code == 403
    assert sign_in(app.test_client(), user).get(address).status_code == 403
    assert sign_in(app.test_client(), make_admin()).get(address).status_code == 200
    assert app.test_client().get(address).location.startswith("/sign-in")


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("user_id", ["x", "$ne", "0" * 23, "f" * 24])
def test_nobodys_account_is_not_found(client, page, user_id):
    assert client.get(f"/admin/users/{user_id}/{page}").status_code == 404


@pytest.mark.parametrize("address", ["explain/nothing", "explain/grants?grant=x", f"explain/grants?grant={'f' * 24}"])
def test_what_is_no_figure_is_not_found(client, user, address):
    assert client.get(f"/admin/users/{user.id}/{address}").status_code == 404
