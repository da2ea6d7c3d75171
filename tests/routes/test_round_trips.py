"""How often the pages that users open most ask the database."""

import pytest

from tests.chatting import make_talker, say
from tests.factories import make_request, sign_in

MOST = 6


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
