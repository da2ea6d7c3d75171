"""Editing, finding and listing requests."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from app.models.domain_error import AlreadyDecided, InvalidInput, NotFound
from app.services import desk, expiry, quota_requests, review, token_requests
from app.services.desk import Filters
from tests.bad_texts import BLANK, NOT_TEXT, UNUSABLE, too_long
from tests.effects import outcome, stored
from tests.factories import OPERATOR, actor_of, make_admin, make_request, make_user

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock_hand():
    """Time stands at noon, so that no test begins on one day and ends on the next; a test may move it."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def ann():
    return make_user("ann@example.com", name="Ann")


def submit(user, reason="I ran out."):
    return quota_requests.submit(user, reason=reason, by=actor_of(user))


def withdraw(token_request, user):
    return review.withdraw(token_request, by=actor_of(user))


def submit_then(user):
    """The number of a request that was submitted and withdrawn."""
    token_request = submit(user)
    withdraw(token_request, user)
    return token_request.number


class TestEditing:
    def test_the_owners_words_change_and_the_version_rises(self, ann):
        before = submit(ann)
        after = quota_requests.edit(before, reason="  Better words. ", version=before.version)
        assert (after.reason, after.version, after.status) == ("Better words.", before.version + 1, "pending")
        changed = {name for name, value in stored(before).items() if value != before.to_mongo().to_dict().get(name)}
        assert changed <= {"reason", "version", "due"}
        assert stored(before)["due"] == []

    def test_of_two_edits_of_one_version_the_second_changes_nothing(self, ann):
        token_request = submit(ann)
        quota_requests.edit(token_request, reason="First", version=1)
        assert outcome(quota_requests.edit, token_request, reason="Second", version=1) == "ChangedMeanwhile"
        assert stored(token_request)["reason"] == "First"

    def test_ten_edits_of_one_version_at_once_are_one(self, ann, threads):
        token_request = submit(ann)
        said = threads(lambda i: outcome(quota_requests.edit, token_request, reason=f"Words {i}", version=1), 10)
        assert said.count("done") == 1
        assert said.count("ChangedMeanwhile") == 9
        assert stored(token_request)["reason"] == f"Words {said.index('done')}"

    @pytest.mark.parametrize(
        "status", ["needs_info", "approved", "rejected", "spam", "withdrawn", "expired", "revoked"]
    )
    def test_only_a_pending_request_can_be_edited(self, ann, status, clock_hand):
        token_request = submit(ann)
        clock_hand.shift(timedelta(hours=1))
        {
            "needs_info": lambda: review.ask(token_request, by=OPERATOR, question="What for?"),
            "approved": lambda: review.approve(token_request, by=OPERATOR),
            "rejected": lambda: review.reject(token_request, by=OPERATOR, response="No."),
            "spam": lambda: review.mark_spam(token_request, by=OPERATOR),
            "withdrawn": lambda: withdraw(token_request, ann),
            "expired": lambda: (clock_hand.shift(timedelta(days=30)), expiry.wake_due()),
            "revoked": lambda: review.revoke(review.approve(token_request, by=OPERATOR), by=OPERATOR, reason="No."),
        }[status]()
        before = stored(token_request)
        assert before["status"] == status
        for version in (1, before["version"]):
            with pytest.raises(AlreadyDecided) as refused:
                quota_requests.edit(token_request, reason="New words", version=version)
            assert refused.value.values["status"] == status
            assert refused.value.values["by"] == before["history"][-1]["by"]["name"]
            assert refused.value.values["at"] == before["history"][-1]["at"]
        assert stored(token_request) == before

    @pytest.mark.parametrize("reason", [*NOT_TEXT, *BLANK, *UNUSABLE, *too_long(500)])
    def test_bad_words_are_refused_and_change_nothing(self, ann, reason):
        token_request = submit(ann)
        with pytest.raises(InvalidInput) as refused:
            quota_requests.edit(token_request, reason=reason, version=1)
        assert list(refused.value.errors) == ["reason"]
        assert stored(token_request)["version"] == 1


class TestFinding:
    def test_a_request_has_a_number_and_an_id(self, ann):
        token_request = submit(ann)
        for reference in (str(token_request.number), f"000{token_request.number}", str(token_request.id)):
            assert token_requests.find(reference).id == token_request.id
        assert token_requests.by_number(token_request.number).id == token_request.id
        assert token_requests.by_id(token_request.id).number == token_request.number

    @pytest.mark.parametrize(
        "reference",
        [
            "",
            " ",
            "0",
            "-1",
            "+1",
            "1.0",
            "1e0",
            "0x1",
            " 1",
            "1 ",
            "1\n",
            "#1",
            "１",
            "١",
            "²",
            "9" * 15,
            "9" * 24,
            "9" * 400,
            "abc",
            "$ne",
            "{}",
            "null",
            "f" * 23,
            "f" * 24,
            "f" * 25,
            "g" * 24,
            "1\0",
            "\ud800",
            "../1",
            "6b00df86a4db0f8dc5f432e2",
        ],
    )
    def test_whatever_else_is_not_found(self, ann, reference):
        submit(ann)
        with pytest.raises(NotFound):
            token_requests.find(reference)

    def test_a_users_own_is_found_by_its_number(self, ann):
        token_request = submit(ann)
        assert token_requests.own(ann.id, token_request.number).id == token_request.id

    def test_somebody_elses_looks_like_none(self, ann):
        number = submit(ann).number
        with pytest.raises(NotFound) as foreign:
            token_requests.own(make_admin().id, number)
        with pytest.raises(NotFound) as none:
            token_requests.own(ann.id, number + 1)
        assert str(foreign.value) == str(none.value)


class TestLists:
    def test_mine_are_mine_alone_newest_first(self, ann):
        numbers_ = [submit_then(ann) for _ in range(3)]
        submit(make_user())
        assert [one.number for one in token_requests.mine(ann.id)] == numbers_[::-1]
        assert token_requests.mine(make_user().id) == []

    def test_pages_follow_each_other_without_gap_or_overlap(self):
        given = [make_request().number for _ in range(7)]
        found, before = [], None
        for size in (3, 3, 1, 0):
            page = desk.page(Filters(), before=before, limit=3)
            assert len(page) == size
            found += [one.number for one in page]
            before = found[-1]
        assert found == given[::-1]

    def test_pages_of_ones_own_follow_each_other_too(self, ann):
        given = [submit_then(ann) for _ in range(3)]
        first = token_requests.mine(ann.id, limit=2)
        second = token_requests.mine(ann.id, limit=2, before=first[-1].number)
        assert [one.number for one in [*first, *second]] == given[::-1]

    def test_the_desk_shows_a_status_and_a_kind(self, ann):
        open_, rejected, spam = make_request(), make_request(), make_request()
        review.reject(rejected, by=OPERATOR, response="No.")
        review.mark_spam(spam, by=OPERATOR)
        assert [one.id for one in desk.page(Filters(statuses=["pending"]))] == [open_.id]
        assert [one.id for one in desk.page(Filters(statuses=["rejected"]))] == [rejected.id]
        assert desk.page(Filters(statuses=["approved"])) == []
        assert [one.id for one in desk.page(Filters(kinds=["quota"]))] == [spam.id, rejected.id, open_.id]
        assert desk.page(Filters(kinds=["beta"])) == []
        assert [one.id for one in desk.page(Filters(kinds=["quota"], statuses=["spam"]), before=spam.number + 1)] == [
            spam.id
        ]

    def test_pending_are_counted_up_to_a_bound(self):
        assert (desk.pending_count(), desk.oldest_pending()) == (0, None)
        first, *_ = [make_request() for _ in range(3)]
        review.ask(make_request(), by=OPERATOR, question="What for?")
        review.mark_spam(make_request(), by=OPERATOR)
        assert desk.pending_count() == 3
        assert desk.oldest_pending().id == first.id
