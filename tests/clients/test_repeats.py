"""What the client does when calls and answers are lost: what was done counts once, and nothing is hidden."""

import json
import pickle

import pytest
from tokendesk import BadAnswer, InvalidInput, RateLimited, TokendeskError, Unavailable

from app.services import token_accounts
from tests.clients.unsteady import LOST, REFUSED, SILENT, Reply
from tests.serving import free_port

ALL = 150_000
AWAY = Reply(503)


def refusal(status: int, code: str, **headers: str) -> Reply:
    """An error as the app gives it."""
    body = {"success": False, "statusCode": status, "message": "No.", "error": "No.", "code": code, "errors": {}}
    return Reply(status, json.dumps(body), headers)


def available(user) -> int:
    return token_accounts.view(user.id).available


# --- what is tried again ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [LOST, REFUSED, AWAY, Reply(502, "<html>"), Reply(504), refusal(503, "busy"), refusal(429, "too_many_requests")],
    ids=str,
)
def test_a_charge_is_repeated_with_its_key_and_counts_once(shaky, unsteady, pauses, ada, fault):
    unsteady.faults = [fault] * 3
    usage = shaky.usage(str(ada.id), 700)
    assert usage.remaining_tokens == available(ada) == ALL - 700
    assert usage.replayed == (fault == LOST)
    assert len(unsteady.calls) == 4
    assert len({call.key for call in unsteady.calls}) == 1
    assert unsteady.calls[0].key
    assert len(pauses) == 3


def test_a_hold_whose_answer_was_lost_is_one_hold(shaky, unsteady, ada):
    unsteady.faults = [LOST, LOST]
    with shaky.hold(str(ada.id), 4_000) as hold:
        assert available(ada) == ALL - 4_000
        unsteady.faults = [LOST, LOST]
        assert hold.settle(1_234).remaining_tokens == ALL - 1_234
    assert available(ada) == ALL - 1_234


def test_a_release_whose_answer_was_lost_is_repeated(shaky, unsteady, ada):
    with shaky.hold(str(ada.id), 4_000):
        unsteady.faults = [LOST]
    assert available(ada) == ALL


def test_what_only_reads_and_what_puts_are_repeated(shaky, unsteady):
    unsteady.faults = [REFUSED, LOST]
    shaky.put_user("u-17", email="ada@example.com")
    unsteady.faults = [LOST, AWAY]
    assert shaky.balance("external:u-17")["available"] == ALL


def test_a_server_that_says_nothing_is_not_waited_for(connect, unsteady, ada):
    unsteady.faults = [SILENT]
    assert connect(unsteady.url, timeout=0.5).usage(str(ada.id), 700).remaining_tokens == ALL - 700
    assert available(ada) == ALL - 700


# --- for how long -----------------------------------------------------------------------------------------------------


def test_the_pauses_grow(connect, unsteady, pauses, ada):
    unsteady.faults = [AWAY] * 12
    with pytest.raises(Unavailable):
        connect(unsteady.url, attempts=12).usage(str(ada.id), 700)
    least = [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 20, 20, 20, 20]
    assert all(low <= pause <= low * 1.5 for low, pause in zip(least, pauses, strict=True))


def test_a_pause_is_as_long_as_the_server_says(shaky, unsteady, pauses, ada):
    unsteady.faults = [refusal(503, "unavailable", **{"Retry-After": "5"})]
    shaky.usage(str(ada.id), 700)
    assert 5 <= pauses[0] <= 7.5


@pytest.mark.parametrize(("status", "code", "kind"), [(429, "daily_limit", RateLimited), (503, "busy", Unavailable)])
def test_a_pause_that_would_be_too_long_is_left_to_the_caller(shaky, unsteady, pauses, ada, status, code, kind):
    unsteady.faults = [refusal(status, code, **{"Retry-After": "3600"})]
    with pytest.raises(kind) as raised:
        shaky.request_tokens(str(ada.id), "I ran out.")
    assert (raised.value.code, raised.value.retry_after, raised.value.status) == (code, 3_600, status)
    assert (len(unsteady.calls), pauses) == (1, [])


def test_a_date_to_come_back_at_is_as_good_as_nothing_said(shaky, unsteady, pauses, ada):
    unsteady.faults = [Reply(503, headers={"Retry-After": "Sat, 21 Nov 2026 09:30:00 GMT"})]
    shaky.usage(str(ada.id), 700)
    assert pauses[0] <= 0.3


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 409, 413, 415, 500])
def test_what_is_refused_is_not_tried_again(shaky, unsteady, pauses, ada, status):
    unsteady.faults = [refusal(status, "some_code")]
    with pytest.raises(TokendeskError) as raised:
        shaky.usage(str(ada.id), 700)
    assert (raised.value.status, raised.value.code, str(raised.value)) == (status, "some_code", "No.")
    assert (len(unsteady.calls), pauses) == (1, [])


# --- when it does not help --------------------------------------------------------------------------------------------


def test_whoever_gives_up_is_told_the_key_by_which_the_call_still_counts_once(shaky, unsteady, ada):
    unsteady.faults = [LOST] * 4
    with pytest.raises(Unavailable, match="outcome is unknown") as raised:
        shaky.usage(str(ada.id), 700)
    assert raised.value.key == unsteady.calls[0].key
    assert raised.value.__cause__
    assert shaky.usage(str(ada.id), 700, key=raised.value.key).replayed
    assert available(ada) == ALL - 700


def test_no_server_at_all_is_unavailable(connect, pauses):
    with pytest.raises(Unavailable):
        connect(f"http://127.0.0.1:{free_port()}").balance("external:u-17")
    assert len(pauses) == 3


def test_a_failing_release_does_not_hide_the_first_error_and_says_that_the_hold_ends_by_itself(shaky, unsteady, ada):
    hold = shaky.hold(str(ada.id), 4_000)
    unsteady.faults = [REFUSED] * 4
    with pytest.raises(ZeroDivisionError) as raised, hold:
        _ = 1 / 0
    (note,) = raised.value.__notes__
    assert "outcome is unknown" in note
    assert f"ends by itself at {hold.expires_at.isoformat()}" in note


def test_a_failing_release_is_told_where_nothing_else_failed(shaky, unsteady, ada):
    hold = shaky.hold(str(ada.id), 4_000)
    unsteady.faults = [REFUSED] * 4
    with pytest.raises(Unavailable) as raised, hold:
        pass
    assert "ends by itself" in raised.value.__notes__[0]


def test_a_settlement_of_unknown_outcome_is_not_undone_and_can_be_repeated(shaky, unsteady, ada):
    hold = shaky.hold(str(ada.id), 4_000)
    unsteady.faults = [REFUSED] * 4
    with pytest.raises(Unavailable), hold:
        hold.settle(1_234)
    assert unsteady.calls[-1].path.endswith("/settle")
    assert hold.settle(1_234).remaining_tokens == available(ada) == ALL - 1_234


# --- answers of others ------------------------------------------------------------------------------------------------

FOREIGN = [
    Reply(200, "<html>Please sign in to the network</html>"),
    Reply(200, "[]"),
    Reply(200, '{"remaining_tokens": 1}'),
    Reply(
        200,
        '{"remaining_tokens": 1, "entry": {"id": 1, "type": "", "amount": 1, "description": "", "created_at": "x"}}',
    ),
    Reply(301, "", {"Location": "https://desk.example.com/"}),
    Reply(403, "<html>Blocked</html>"),
    Reply(404, '{"errors": ["no route"], "code": 404}'),
    Reply(500, "<html>"),
]


@pytest.mark.parametrize("reply", FOREIGN, ids=str)
def test_an_answer_that_is_not_tokendesks_says_so(shaky, unsteady, ada, reply):
    unsteady.faults = [reply]
    with pytest.raises(BadAnswer, match="Is base_url right") as raised:
        shaky.usage(str(ada.id), 700)
    assert raised.value.status == reply.status
    assert raised.value.key == unsteady.calls[0].key
    assert repr(reply.body[:100])[:-1] in str(raised.value)
    assert reply.headers.get("Location", "") in str(raised.value)
    assert len(unsteady.calls) == 1


def test_an_error_goes_from_one_process_to_another(shaky, unsteady, ada):
    with pytest.raises(InvalidInput) as raised:
        shaky.usage(str(ada.id), 0)
    copy = pickle.loads(pickle.dumps(raised.value))  # noqa: S301
    assert (str(copy), copy.errors, copy.key) == (str(raised.value), raised.value.errors, raised.value.key)
