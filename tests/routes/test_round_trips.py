"""How often the pages that users open most ask the database."""

import pytest

from app.services import token_accounts
from tests.chatting import make_talker, say
from tests.factories import OPERATOR, make_admin, make_request, sign_in

MOST = 6
# Three for the frame (session with its reader, balance, news), and five for the user, the account, the ledger, requests, orders.
MOST_FOR_ADMIN = 8


@pytest.mark.parametrize("page", ["/chat", "/chat/{}", "/account"])
def test_a_users_page_takes_at_most_six_round_trips(client, statements, page):
    user = make_talker()
    url = page.format(say(user).conversation)
    make_request(user)
    sign_in(client, user)
    client.get(url)
    statements.said.clear()
    assert client.get(url).status_code == 200
    assert 0 < len(statements.said) <= MOST, statements.said


def test_a_users_page_for_admins_takes_few_round_trips_too(client, statements):
    user = make_talker()
    say(user)
    make_request(user)
    admin = make_admin()
    token_accounts.spend(admin.id, 1, by=OPERATOR)
    sign_in(client, admin)
    client.get(f"/admin/users/{user.id}")
    statements.said.clear()
    assert client.get(f"/admin/users/{user.id}").status_code == 200
    assert 0 < len(statements.said) <= MOST_FOR_ADMIN, statements.said
