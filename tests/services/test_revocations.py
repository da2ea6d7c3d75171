"""What taking an approval back would do, said before, is just what it does."""

import pytest

from app.services import beta_requests, ledger, review, revocations, token_accounts, token_requests
from app.services.revocations import Return
from tests.factories import OPERATOR, actor_of, make_request, make_user
from tests.steps import make_rita


@pytest.fixture
def rita():
    return make_rita()


def approved(kind, rita, granted=None):
    user = make_user()
    one = make_request(user, used=40_000) if kind == "quota" else beta_requests.submit(user, by=actor_of(user))
    return review.approve(one, by=rita, granted=granted)


@pytest.mark.parametrize(
    ("kind", "granted", "spent", "held", "expected"),
    [
        ("beta", None, 0, 0, Return(100, 100)),
        ("beta", 300, 0, 0, Return(300, 300)),
        ("beta", 300, 150_200, 0, Return(300, 100)),
        ("beta", 300, 150_300, 0, Return(300, 0)),
        ("beta", 300, 0, 150_250, Return(300, 50)),
        ("quota", None, 0, 0, Return(40_000, 40_000)),
        ("quota", None, 70_000, 0, Return(40_000, 30_000)),
    ],
)
def test_what_is_foretold_is_what_happens(rita, kind, granted, spent, held, expected):
    token_request = approved(kind, rita, granted)
    if spent:
        token_accounts.spend(token_request.user, spent, by=OPERATOR)
    if held:
        token_accounts.hold(token_request.user, held, by=OPERATOR)
    before, entries = token_accounts.view(token_request.user), ledger.history(token_request.user)
    assert revocations.preview(token_request) == expected
    assert (token_accounts.view(token_request.user), ledger.history(token_request.user)) == (before, entries)
    revoked = review.revoke(token_request, by=rita, reason="No.")
    assert revocations.outcome(revoked) == expected
    assert token_accounts.view(token_request.user).balance == before.balance - expected.taken
    assert expected.missing == expected.given - expected.taken


def test_a_second_approval_is_reckoned_by_itself(rita):
    token_request = approved("beta", rita, 300)
    assert revocations.preview(token_request) == Return(300, 300)
    token_accounts.spend(token_request.user, 10, by=OPERATOR)
    assert revocations.preview(token_requests.by_id(token_request.id)) == Return(300, 300)


def test_before_the_approval_has_brought_anything_nothing_is_foretold(rita):
    token_request = approved("beta", rita)
    token_request.history[-1]["to_status"] = "approved"
    token_request.history.append(dict(token_request.history[-1]))
    assert revocations.preview(token_request) is None


def test_a_revocation_that_is_not_done_yet_has_no_outcome(rita):
    revoked = review.revoke(approved("beta", rita), by=rita, reason="No.")
    revoked.history.append(dict(revoked.history[-1]))
    assert revocations.outcome(revoked) is None
