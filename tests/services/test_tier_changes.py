"""Changes of a user's tier: what is refused, and that the account ends as the user does, whatever happens at once."""

import pytest
from mongoengine.connection import get_db

from app import clock
from app.models.account import Operation
from app.models.audit_event import AuditEvent
from app.models.domain_error import Forbidden, InvalidInput
from app.models.user import User
from app.services import account_commit, account_reading, due, host_users, token_accounts, user_changes, users
from tests.account_soundness import sound_entries
from tests.bad_texts import UNUSABLE, too_long
from tests.factories import OPERATOR, actor_of, make_admin, make_user

WRITE = "update token_accounts"


@pytest.fixture
def ann(statements):
    """Somebody who has an account, on the tier free."""
    ann = make_user("ann@example.com")
    token_accounts.spend(ann.id, 1, by=OPERATOR)
    return ann


def follow(user, tier, key):
    """What is due with a change of the tier, under the key of that change."""
    due.VERBS["account.change_tier"](key=key, at=clock.now(), user=user.id, tier=tier, by=OPERATOR.stamp())


def elsewhere(user, tier, key="theirs"):
    """The same change in another process: it shares no queue with this one."""
    User.objects(id=user.id).update(tier=tier)
    reference, terms = {"user": str(user.id)}, account_reading.terms(tier)
    change = Operation(
        "change_tier",
        {"tier": tier},
        OPERATOR.stamp(),
        clock.now(),
        key=key,
        description=f"Tier: {tier}",
        reference=reference,
        terms=terms,
    )
    account_commit.commit(user.id, [change])


def tiers(user):
    """The tier of the user and that of the account, whose entries are sound."""
    sound_entries(user.id)
    return users.get(user.id).tier, token_accounts.view(user.id).tier


@pytest.mark.parametrize("place", ["find users", "find token_accounts", WRITE])
@pytest.mark.parametrize("theirs", ["prepaid", "free", "pro"])
def test_a_change_in_the_middle_of_another_leaves_the_account_as_the_user_is(ann, statements, place, theirs):
    User.objects(id=ann.id).update(tier="pro")
    with statements.meanwhile(place, lambda: elsewhere(ann, theirs)) as fate:
        follow(ann, "pro", "mine")
    assert fate.happened
    assert tiers(ann) == (theirs, theirs)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, 14))
def test_who_dies_in_the_middle_of_that_leaves_it_to_the_next_who_tries(ann, statements, at, after):
    finished = []

    def their_change():
        elsewhere(ann, "prepaid")
        finished.append(True)

    User.objects(id=ann.id).update(tier="pro")
    with statements.meanwhile(WRITE, their_change), statements.dying(at, after=after):
        follow(ann, "pro", "mine")
    if not finished:
        follow(ann, "prepaid", "theirs")
    follow(ann, "pro", "mine")
    present = users.get(ann.id).tier
    assert tiers(ann) == (present, present)


def test_changes_at_once_end_with_one_tier(ann, threads):
    wanted = ["pro", "prepaid", "free"]
    for _ in range(3):
        threads(lambda i: user_changes.set_tier(ann.id, wanted[i % 3], by=OPERATOR), 6)
        due.perform(User, ann.id)
        user, account = tiers(ann)
        assert user == account
        assert users.get(ann.id).due == []


def test_a_change_that_another_has_overtaken_brings_nothing(ann):
    user_changes.set_tier(ann.id, "prepaid", by=OPERATOR)
    before = get_db().token_accounts.find_one({"_id": ann.id})
    follow(ann, "pro", "an older one")
    assert get_db().token_accounts.find_one({"_id": ann.id}) == before


@pytest.mark.parametrize("reason", [*UNUSABLE, *too_long(500)])
def test_a_reason_is_text_that_the_trail_can_show(reason):
    user = make_user()
    with pytest.raises(InvalidInput) as refused:
        user_changes.set_tier(user.id, "pro", by=OPERATOR, reason=reason)
    assert list(refused.value.errors) == ["reason"]
    assert users.get(user.id).tier == "free"


def test_the_reason_is_kept_trimmed():
    user_changes.set_tier(make_user().id, "pro", by=OPERATOR, reason="  Bought it\r\nyesterday ")
    assert AuditEvent.objects(action="user.set_tier").get().reason == "Bought it\nyesterday"


def test_nobody_changes_their_own_tier_and_is_told_what_the_matter_is(ann):
    admin = make_admin()
    User.objects(id=admin.id).update(external_id="u-17", permissions=[*admin.permissions, "usage.write"])
    for change in (
        lambda: user_changes.set_tier(admin.id, "pro", by=actor_of(admin)),
        lambda: host_users.put("u-17", {"tier": "pro"}, by=actor_of(admin)),
    ):
        with pytest.raises(Forbidden, match="This is your own account"):
            change()
