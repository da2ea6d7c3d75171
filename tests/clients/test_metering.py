"""What the client does, on the app itself."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from tokendesk import (
    AlreadyPending,
    Conflict,
    Forbidden,
    HoldClosed,
    InsufficientTokens,
    InvalidInput,
    KeyReused,
    NotFound,
    Unauthorized,
)

from app.services import token_accounts
from tests.factories import bearer, make_admin

ALL = 150_000
NOBODY = "0" * 24


def available(user) -> int:
    return token_accounts.view(user.id).available


# --- charges ----------------------------------------------------------------------------------------------------------


def test_usage_is_charged_and_says_what_remains(desk, ada):
    usage = desk.usage(str(ada.id), 700, description="gpt-4o", metadata={"url": "https://example.com"})
    assert (usage.remaining_tokens, usage.replayed) == (ALL - 700, False)
    assert (usage.entry.type, usage.entry.amount, usage.entry.description) == ("usage", -700, "gpt-4o")
    assert abs(datetime.now(UTC) - usage.entry.created_at) < timedelta(minutes=1)
    assert available(ada) == ALL - 700


def test_a_key_is_charged_once(desk, ada):
    first = desk.usage(str(ada.id), 700, key="call 1")
    again = desk.usage(str(ada.id), 700, key="call 1")
    assert (again.entry, again.remaining_tokens, again.replayed) == (first.entry, first.remaining_tokens, True)
    with pytest.raises(KeyReused):
        desk.usage(str(ada.id), 701, key="call 1")
    assert available(ada) == ALL - 700


def test_calls_without_a_key_are_calls_of_their_own_in_threads_too(desk, ada):
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: desk.usage(str(ada.id), 10), range(40)))
    assert available(ada) == ALL - 400


def test_too_few_tokens_say_what_there_is_and_what_the_user_can_do(desk, ada):
    with pytest.raises(InsufficientTokens) as raised:
        desk.usage(str(ada.id), ALL + 1)
    error = raised.value
    assert (error.remaining_tokens, error.needed, error.can_request, error.reason_code) == (ALL, ALL + 1, True, None)
    assert error.resets_at > datetime.now(UTC)
    assert error.request_url.endswith("/requests/new?kind=quota")
    assert (error.status, error.code) == (402, "insufficient_tokens")
    assert available(ada) == ALL


# --- holds ------------------------------------------------------------------------------------------------------------


def test_a_hold_is_settled_by_what_was_used(desk, ada):
    with desk.hold(str(ada.id), 4_000, ttl_seconds=60) as hold:
        assert hold.remaining_tokens == available(ada) == ALL - 4_000
        assert timedelta(seconds=30) < hold.expires_at - datetime.now(UTC) <= timedelta(seconds=60)
        settled = hold.settle(1_234, "gpt-4o")
    assert (settled.remaining_tokens, settled.uncovered) == (ALL - 1_234, 0)
    assert (settled.entry.amount, settled.entry.description) == (-1_234, "gpt-4o")
    assert available(ada) == ALL - 1_234


def test_a_hold_is_settled_once_and_by_one_amount(desk, ada):
    hold = desk.hold(str(ada.id), 4_000)
    assert hold.settle(1_234) == hold.settle(1_234)
    with pytest.raises(HoldClosed):
        hold.settle(1_235)
    with pytest.raises(HoldClosed):
        hold.release()
    assert available(ada) == ALL - 1_234


def test_settling_by_nothing_is_a_release(desk, ada):
    with desk.hold(str(ada.id), 4_000) as hold:
        assert hold.settle(0).remaining_tokens == ALL
    assert available(ada) == ALL


def test_a_block_that_does_not_settle_releases(desk, ada):
    with desk.hold(str(ada.id), 4_000):
        pass
    assert available(ada) == ALL


def test_an_error_in_the_block_releases_and_goes_on(desk, ada):
    with pytest.raises(ZeroDivisionError), desk.hold(str(ada.id), 4_000):
        _ = 1 / 0
    assert available(ada) == ALL


def test_a_hold_that_was_released_is_left_alone(desk, ada):
    with desk.hold(str(ada.id), 4_000) as hold:
        assert hold.release() == ALL
    assert available(ada) == ALL


def test_a_settlement_that_is_refused_leaves_the_hold_to_be_settled(desk, ada):
    with pytest.raises(InvalidInput), desk.hold(str(ada.id), 4_000) as hold:
        hold.settle(-1)
    assert available(ada) == ALL - 4_000
    assert hold.settle(1_234).remaining_tokens == ALL - 1_234


# --- users ------------------------------------------------------------------------------------------------------------


def test_a_user_is_known_by_the_products_own_id(desk):
    made = desk.put_user("u-17", email="ada@example.com", name="Ada")
    assert desk.put_user("u-17", name="Ada Lovelace") == {**made, "name": "Ada Lovelace"}
    desk.usage("external:u-17", 700)
    with desk.hold("external:u-17", 300):
        account = desk.balance("external:u-17")
    assert (account["tier"], account["balance"], account["held"]) == ("free", ALL - 700, 300)
    assert account["available"] == ALL - 1_000


def test_a_link_signs_its_user_in_and_leads_on(desk):
    desk.put_user("u-17", email="ada@example.com")
    link = desk.sign_in_link("external:u-17", next="/requests/new?kind=quota")
    assert link.expires_at > datetime.now(UTC)
    assert link.url.startswith("http")
    assert desk.sign_in_link("external:u-17").url != link.url


def test_more_is_asked_for_on_a_users_behalf_once(desk, ada):
    assert desk.can_request(str(ada.id))["canRequest"]
    made = desk.request_tokens(str(ada.id), "I ran out.")
    assert (made["status"], made["userId"]) == ("pending", str(ada.id))
    with pytest.raises(AlreadyPending):
        desk.request_tokens(str(ada.id), "I ran out.")
    assert desk.can_request(str(ada.id))["reasonCode"] == "pending"


# --- refusals ---------------------------------------------------------------------------------------------------------

REFUSALS = [
    ("no tokens", lambda desk, user: desk.usage(user, 0), InvalidInput, "tokens"),
    ("part of a token", lambda desk, user: desk.usage(user, 0.5), InvalidInput, "tokens"),
    ("a hold for too long", lambda desk, user: desk.hold(user, 1, ttl_seconds=3_601), InvalidInput, "ttl_seconds"),
    ("a field that users have not", lambda desk, user: desk.put_user("u-1", colour="red"), InvalidInput, "colour"),
    ("no such user", lambda desk, user: desk.usage(NOBODY, 1), NotFound, None),
    ("a balance of nobody", lambda desk, user: desk.balance("external:nobody"), NotFound, None),
    ("a path in place of a user", lambda desk, user: desk.balance("a/../../b"), NotFound, None),
]


@pytest.mark.parametrize(("call", "kind", "field"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS])
def test_refused(desk, ada, pauses, call, kind, field):
    with pytest.raises(kind) as raised:
        call(desk, str(ada.id))
    assert type(raised.value) is kind
    assert field is None or (field in raised.value.errors and field in str(raised.value))
    assert (available(ada), pauses) == (ALL, [])


def test_a_key_that_is_none_and_a_key_without_the_scope_are_told_apart(connect, desk_url, ada):
    with pytest.raises(Unauthorized):
        connect(desk_url, "tdk_nothing").usage(str(ada.id), 1)
    own = bearer(make_admin(), "self")["Authorization"].removeprefix("Bearer ")
    with pytest.raises(Forbidden):
        connect(desk_url, own).usage(str(ada.id), 1)


def test_what_is_taken_is_a_conflict(desk, ada):
    with pytest.raises(Conflict) as raised:
        desk.put_user("u-17", email=ada.email)
    assert raised.value.code == "already_exists"


def test_a_key_read_from_a_file_may_end_with_a_line_break(connect, desk_url, product_key, ada):
    assert connect(desk_url + "/", f"{product_key}\n").balance(str(ada.id))["available"] == ALL


@pytest.mark.parametrize("key", ["", "ключ", "a\nb"])
def test_a_key_that_cannot_be_sent_is_not(desk, ada, key):
    with pytest.raises(ValueError, match="printable ASCII"):
        desk.usage(str(ada.id), 1, key=key)


@pytest.mark.parametrize(("url", "options"), [("desk.example.com", {}), ("https://desk.example.com", {"attempts": 0})])
def test_a_client_that_could_never_work_is_not_made(connect, url, options):
    with pytest.raises(ValueError, match="must"):
        connect(url, "tdk_x", **options)
