"""Asking to be let into the beta program: once a user, and what approval and revocation bring."""

import pytest

from app.models.domain_error import AlreadyDecided, AlreadyRequested, DomainError, InvalidInput, SlotTaken, UserInactive
from app.models.token_request import TokenRequest
from app.services import beta_requests, ledger, review, token_accounts, user_changes
from tests.effects import effects_of, outcome, stored
from tests.factories import OPERATOR, actor_of, make_admin, make_user

# What brings a beta request to a status, and whether its user may ask again then: by default, and with BETA_REAPPLY.
WAYS = {
    "pending": (lambda one, owner, adam: one, False, False),
    "needs_info": (lambda one, owner, adam: review.ask(one, by=adam, question="Who are you?"), False, False),
    "approved": (lambda one, owner, adam: review.approve(one, by=adam), False, False),
    "spam": (lambda one, owner, adam: review.mark_spam(one, by=adam), False, False),
    "rejected": (lambda one, owner, adam: review.reject(one, by=adam), False, True),
    "revoked": (
        lambda one, owner, adam: review.revoke(review.approve(one, by=adam), by=adam, reason="No."),
        False,
        True,
    ),
    "withdrawn": (lambda one, owner, adam: review.withdraw(one, by=owner), True, True),
    "expired": (lambda one, owner, adam: review.expire(one), True, True),
}


@pytest.fixture
def ann():
    return make_user("ann@example.com")


@pytest.fixture
def adam():
    return actor_of(make_admin())


def submit(user):
    return beta_requests.submit(user, by=actor_of(user))


def test_a_request_keeps_the_address_and_the_usage_that_its_user_had(ann):
    token_accounts.spend(ann.id, 700, by=OPERATOR)
    request = stored(submit(ann))
    assert (request["kind"], request["status"], request["open_key"]) == ("beta", "pending", f"beta:{ann.id}")
    assert (request["email"], request["usage"]) == ("ann@example.com", {"token_count": 700, "request_count": 1})
    assert "day_key" not in request


@pytest.mark.parametrize("reapply", [False, True])
@pytest.mark.parametrize("status", WAYS)
def test_who_may_ask_again(app, monkeypatch, ann, adam, status, reapply):
    monkeypatch.setitem(app.config, "BETA_REAPPLY", reapply)
    way, *allowed = WAYS[status]
    first = way(submit(ann), actor_of(ann), adam)
    assert stored(first)["status"] == status
    may = allowed[reapply]
    eligibility = beta_requests.can_submit(ann)
    assert eligibility.can_request is may
    if may:
        assert submit(ann).number > first.number
        return
    waits = status in ("pending", "needs_info")
    assert (eligibility.reason_code, eligibility.has_pending) == ("pending" if waits else "already_requested", waits)
    assert eligibility.open_number == first.number
    with pytest.raises(AlreadyRequested) as refused:
        submit(ann)
    assert refused.value.values == {"number": first.number}
    assert TokenRequest.objects.count() == 1


@pytest.mark.parametrize("status", ["rejected", "revoked"])
def test_the_setting_counts_as_it_is_now_for_who_was_refused_before(app, monkeypatch, ann, adam, status):
    first = WAYS[status][0](submit(ann), actor_of(ann), adam)
    for reapply in (True, False, True):
        monkeypatch.setitem(app.config, "BETA_REAPPLY", reapply)
        assert beta_requests.can_submit(ann).can_request is beta_requests.standing(ann).may_ask is reapply
        if not reapply:
            with pytest.raises(AlreadyRequested):
                submit(ann)
    again = submit(ann)
    assert ("open_key" in stored(first), stored(again)["open_key"]) == (False, f"beta:{ann.id}")
    assert beta_requests.standing(ann).request.number == again.number


@pytest.mark.parametrize("status", ["approved", "spam", "pending", "needs_info"])
def test_switching_the_setting_frees_nobody_else(app, monkeypatch, ann, adam, status):
    first = WAYS[status][0](submit(ann), actor_of(ann), adam)
    before = stored(first)
    monkeypatch.setitem(app.config, "BETA_REAPPLY", True)
    with pytest.raises(AlreadyRequested):
        submit(ann)
    assert stored(first) == before


def test_who_could_ask_again_when_they_were_refused_still_can(app, monkeypatch, ann, adam):
    monkeypatch.setitem(app.config, "BETA_REAPPLY", True)
    first = review.reject(submit(ann), by=adam)
    monkeypatch.setitem(app.config, "BETA_REAPPLY", False)
    assert beta_requests.can_submit(ann).can_request is beta_requests.standing(ann).may_ask is True
    assert submit(ann).number > first.number


def test_of_fifty_at_once_one_is_stored(ann, threads):
    said = threads(lambda _: outcome(submit, ann), 50)
    assert sorted(said) == ["AlreadyRequested"] * 49 + ["done"]
    assert TokenRequest.objects.count() == 1


def test_a_deactivated_user_asks_for_nothing(ann):
    gone = user_changes.deactivate(ann.id, by=OPERATOR)
    assert beta_requests.can_submit(gone).reason_code == "inactive"
    with pytest.raises(UserInactive):
        submit(gone)


@pytest.mark.parametrize(("granted", "given"), [(None, 100), (1, 1), (10_000, 10_000)])
def test_approval_grants_what_the_reviewer_chose_once(ann, adam, granted, given):
    request = submit(ann)
    for _ in range(2):
        review.approve(request, by=adam, granted=granted)
    (grant,) = (one for one in token_accounts.view(ann.id).grants if one.source == "beta")
    assert (grant.amount, grant.expires_at) == (given, None)
    assert stored(request)["decision"]["granted"] == given
    (entry,) = ledger.history(ann.id, types=["grant"])[:1]
    assert (entry["amount"], entry["reference"]) == (given, {"request": request.number})
    assert effects_of(request)["request_approved"] == 1


@pytest.mark.parametrize("granted", [0, -1, 10_001, 2**63, 1.5, 100.0, "100", True, float("nan")])
def test_no_other_amount_is_granted_and_nothing_is_decided(ann, adam, granted):
    request = submit(ann)
    before = stored(request)
    with pytest.raises(InvalidInput) as refused:
        review.approve(request, by=adam, granted=granted)
    assert list(refused.value.errors) == ["granted"]
    assert stored(request) == before


def test_another_amount_is_another_decision(ann, adam):
    request = submit(ann)
    review.approve(request, by=adam, granted=100)
    with pytest.raises(AlreadyDecided):
        review.approve(request, by=adam, granted=200)
    assert token_accounts.view(ann.id).balance == 150_100


@pytest.mark.parametrize(("spent", "taken", "uncovered"), [(0, 100, 0), (150_030, 70, 30), (150_100, 0, 100)])
def test_revocation_takes_back_what_is_left_of_the_grant(ann, adam, spent, taken, uncovered):
    request = review.approve(submit(ann), by=adam)
    if spent:
        token_accounts.spend(ann.id, spent, by=OPERATOR)
    before = token_accounts.view(ann.id).balance
    review.revoke(request, by=adam, reason="A mistake.")
    assert token_accounts.view(ann.id).balance == before - taken
    (entry,) = ledger.history(ann.id, types=["revocation"])
    assert (entry["amount"], entry["answer"]) == (-taken, {"uncovered": uncovered})


def test_a_rejected_request_is_reopened_in_its_own_slot_and_not_into_that_of_another(app, monkeypatch, ann, adam):
    first = review.reject(submit(ann), by=adam)
    assert review.reopen(first, by=adam, note="Another look").status == "pending"
    monkeypatch.setitem(app.config, "BETA_REAPPLY", True)
    first = review.reject(first, by=adam)
    submit(ann)
    with pytest.raises(SlotTaken):
        review.reopen(first, by=adam, note="Another look")


def test_rejection_needs_no_words(ann, adam):
    assert review.reject(submit(ann), by=adam).status == "rejected"


def test_two_who_decide_at_once_leave_one_grant(ann, threads):
    admins = [actor_of(make_admin()) for _ in range(2)]
    request = submit(ann)

    def decide(i):
        try:
            return review.approve(request, by=admins[i], granted=100 * (i + 1)).granted
        except DomainError as error:
            return type(error).__name__

    said = threads(decide, 2)
    assert said.count("AlreadyDecided") == 1
    (granted,) = (one for one in said if isinstance(one, int))
    assert token_accounts.view(ann.id).balance == 150_000 + granted
