"""Deciding many at once: what is foretold is what happens, each row once, whoever is killed in the middle."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import time_machine
from bson import ObjectId
from pymongo.errors import AutoReconnect

from app.models.actor import Actor
from app.models.audit_event import AuditEvent
from app.models.domain_error import Forbidden, InvalidInput, NotFound
from app.models.review_batch import DONE, FAILED, BatchAction, ReviewBatch
from app.models.token_request import TokenRequest
from app.services import (
    beta_requests,
    due,
    quota_requests,
    request_deletion,
    review,
    review_batches,
    user_changes,
)
from app.services.review_batches import LEASE, Selected
from tests.effects import effects_of, outcome, stored
from tests.factories import OPERATOR, actor_of, make_admin, make_request, make_user
from tests.killing import Killer, killed_at_each, run_and_kill

# Newer Pythons warn of forking beside other threads; this child takes up a connection of its own before it does anything.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")

START = datetime(2026, 3, 10, 12, tzinfo=UTC)
KEPT = request_deletion.KEPT
APPROVED = {"request_received": 1, "reset": 1, "request_approved": 1, "request.approve": 1}


@pytest.fixture(autouse=True)
def clock_hand():
    """A clock that runs, from noon; a test may move it on."""
    with time_machine.travel(START) as traveller:
        yield traveller


@pytest.fixture
def admin():
    return make_admin(name="Adam")


@pytest.fixture
def adam(admin):
    return actor_of(admin)


@pytest.fixture
def killed_everywhere(mongodb_uri):
    """`killed_everywhere(prepare, work)`: see `killed_at_each`."""
    return partial(killed_at_each, mongodb_uri)


def make_beta(user=None):
    user = user or make_user()
    return beta_requests.submit(user, by=actor_of(user))


def seen(*token_requests):
    """These, as the reviewer's page shows them."""
    return [Selected(one.number, one.version) for one in token_requests]


def perform(batch):
    """Does all of it, and gives it as it is stored then."""
    for _row in review_batches.perform(batch):
        pass
    return ReviewBatch.objects.get(id=batch.id)


def outcomes(batch):
    return [row["outcome"] for row in ReviewBatch.objects.get(id=batch.id).rows]


def refused(by, clock_hand, *, days=30):
    """A rejected request whose decision is so many days old."""
    token_request = review.reject(make_request(), by=by, response="No.")
    clock_hand.shift(timedelta(days=days))
    return token_request


class TestDeciding:
    def test_each_row_is_a_decision_of_its_own_under_one_batch(self, adam):
        asked = [make_request(used=70), make_request(used=70), make_beta()]
        batch = perform(review_batches.start(seen(*asked), BatchAction.APPROVE, by=adam, response="Yes.", granted=7))
        assert (batch.done, batch.refused, batch.left) == ([one.number for one in asked], [], 0)
        assert batch.finished_at
        assert batch.resume_at is None
        for one in asked:
            now = stored(one)
            assert (now["status"], now["due"], now["decision"]["response"]) == ("approved", [], "Yes.")
            assert now["decision"]["granted"] == (7 if one.kind == "beta" else None)
            assert now["history"][-1]["batch"] == str(batch.id)
            event = AuditEvent.objects.get(action="request.approve", object__id=str(one.id))
            assert (event.batch, event.actor) == (str(batch.id), adam.stamp())
        assert effects_of(asked[0]) == APPROVED

    @pytest.mark.parametrize(
        ("action", "status"),
        [(BatchAction.APPROVE, "approved"), (BatchAction.REJECT, "rejected"), (BatchAction.SPAM, "spam")],
    )
    def test_a_note_stays_with_each_and_is_not_told(self, action, status, adam):
        token_request = make_request()
        perform(review_batches.start(seen(token_request), action, by=adam, response="See.", note="As agreed"))
        now = stored(token_request)
        assert (now["status"], [note["text"] for note in now["notes"]]) == (status, ["As agreed"])

    def test_a_defect_that_one_row_meets_does_not_hold_up_the_others(self, adam, monkeypatch):
        asked = [make_request() for _ in range(3)]
        do = review_batches.batch_rows.do

        def break_on_the_second(batch, row, by):
            if row["number"] == asked[1].number:
                raise KeyError("100 %(odd)s")
            do(batch, row, by)

        monkeypatch.setattr(review_batches.batch_rows, "do", break_on_the_second)
        batch = perform(review_batches.start(seen(*asked), BatchAction.SPAM, by=adam))
        assert outcomes(batch) == [DONE, FAILED, DONE]
        assert (batch.finished_at is None, batch.resume_at) == (False, None)
        assert str(review_batches.refusal_of(batch.rows[1])) == "KeyError('100 %(odd)s')"

    def test_a_database_that_does_not_answer_leaves_the_row_to_the_worker(self, adam, monkeypatch):
        def unanswered(*_):
            raise AutoReconnect("away")

        batch = review_batches.start(seen(make_request()), BatchAction.SPAM, by=adam)
        with monkeypatch.context() as away:
            away.setattr(review_batches.batch_rows, "do", unanswered)
            with pytest.raises(AutoReconnect):
                perform(batch)
        assert outcomes(batch) == [None]
        assert outcomes(perform(batch)) == [DONE]

    def test_a_request_named_twice_is_one_row(self, adam):
        token_request = make_request()
        twice = [Selected(token_request.number), *seen(token_request)]
        batch = review_batches.start(twice, BatchAction.SPAM, by=adam)
        assert [row["number"] for row in batch.rows] == [token_request.number]

    @pytest.mark.parametrize(
        ("n", "allowed"),
        [(0, False), (1, True), (review_batches.MOST_ROWS, True), (review_batches.MOST_ROWS + 1, False)],
    )
    def test_one_to_a_thousand_rows(self, n, allowed, adam):
        selected = [Selected(number) for number in range(1, n + 1)]
        for attempt in (review_batches.forecast, review_batches.start):
            assert outcome(attempt, selected, BatchAction.SPAM, by=adam) == ("done" if allowed else "InvalidInput")
        assert ReviewBatch.objects.count() == allowed

    @pytest.mark.parametrize(
        "words", [{"response": "x" * 501}, {"note": "x" * 5_001}, {"response": "\x00"}, {"note": "\ud800"}]
    )
    def test_words_that_nobody_could_read_start_nothing(self, words, adam):
        with pytest.raises(InvalidInput) as error:
            review_batches.start([Selected(1)], BatchAction.APPROVE, by=adam, **words)
        assert set(error.value.errors) == set(words)
        assert ReviewBatch.objects.count() == 0

    @pytest.mark.parametrize(
        ("roles", "action", "allowed"),
        [
            ([], BatchAction.APPROVE, False),
            (["support"], BatchAction.APPROVE, False),
            (["reviewer"], BatchAction.APPROVE, True),
            (["reviewer"], BatchAction.DELETE, False),
            (["admin"], BatchAction.DELETE, True),
        ],
    )
    def test_who_may_begin_one(self, roles, action, allowed):
        by = actor_of(make_user(roles=roles))
        for attempt in (review_batches.forecast, review_batches.start):
            assert outcome(attempt, [Selected(1)], action, by=by) == ("done" if allowed else "Forbidden")

    def test_whoever_loses_the_right_meanwhile_decides_no_more(self, admin, adam):
        first, second = make_request(), make_request()
        batch = review_batches.start(seen(first, second), BatchAction.APPROVE, by=adam)
        next(review_batches.perform(batch))
        user_changes.deactivate(admin.id, by=actor_of(make_admin()))
        perform(ReviewBatch.objects.get(id=batch.id))
        assert outcomes(batch) == [DONE, "forbidden"]
        assert stored(second)["status"] == "pending"

    def test_the_same_batch_again_is_the_same_batch(self, adam):
        first, second = make_request(), make_request()
        batch_id = ObjectId()
        batch = perform(review_batches.start(seen(first), BatchAction.APPROVE, by=adam, batch_id=batch_id))
        again = review_batches.start(seen(second), BatchAction.REJECT, by=adam, response="No.", batch_id=batch_id)
        assert perform(again).to_mongo() == batch.to_mongo()
        assert (effects_of(first)["request.approve"], stored(second)["status"]) == (1, "pending")

    def test_a_batch_is_there_for_nobody_else(self, adam):
        batch = review_batches.start([Selected(1)], BatchAction.SPAM, by=adam)
        assert review_batches.get(str(batch.id), by=adam).id == batch.id
        for by in (OPERATOR, actor_of(make_admin())):
            with pytest.raises(NotFound):
                review_batches.get(batch.id, by=by)
            with pytest.raises(NotFound):
                review_batches.start([Selected(2)], BatchAction.SPAM, by=by, batch_id=batch.id)
        for malformed in ("", "x", "f" * 24):
            with pytest.raises(NotFound):
                review_batches.get(malformed, by=adam)


class TestForecast:
    @pytest.fixture
    def bag(self, admin, adam, clock_hand):
        """Requests of every sort, as somebody has selected them, each with what it is."""
        rita = actor_of(make_user(name="Rita", roles=["reviewer"]))
        old = review.mark_spam(make_request(), by=rita)
        beta_of_old = review.reject(make_beta(), by=rita)
        clock_hand.shift(KEPT)
        edited = make_request()
        before_edit = seen(edited)
        quota_requests.edit(edited, reason="Something else", version=1)
        asked = make_request()
        kinds = {
            "pending": seen(make_request(used=70)),
            "pending beta": seen(make_beta()),
            "question asked": seen(review.ask(asked, by=rita, question="Why?")),
            "approved by somebody": seen(review.approve(make_request(used=70), by=rita)),
            "approved by the same person": seen(review.approve(make_request(used=70), by=adam, response="Words.")),
            "rejected just now": seen(review.reject(make_request(), by=rita, response="No.")),
            "rejected by the same person": seen(review.reject(make_request(), by=adam, response="Words.")),
            "long rejected": seen(beta_of_old),
            "long spam": seen(old),
            "changed since": before_edit,
            "own": seen(make_request(admin)),
            "own and refused": seen(review.mark_spam(make_beta(admin), by=rita)),
            "nothing": [Selected(999_999)],
        }
        return {what: selected for what, (selected,) in kinds.items()}

    @pytest.mark.parametrize(
        ("action", "response", "granted", "done"),
        [
            (BatchAction.APPROVE, "Words.", None, {"pending", "pending beta"}),
            (BatchAction.APPROVE, "", 10_001, {"pending"}),
            (BatchAction.REJECT, "Words.", None, {"pending", "pending beta", "question asked"}),
            (BatchAction.REJECT, "", None, {"pending beta"}),
            (BatchAction.REJECT, "\u200b", None, {"pending beta"}),
            (BatchAction.SPAM, "", None, {"pending", "pending beta", "question asked"}),
            (BatchAction.DELETE, "", None, {"long rejected", "long spam"}),
        ],
    )
    def test_it_is_what_then_happens(self, action, response, granted, done, bag, adam):
        before = list(TokenRequest._get_collection().find())
        told = review_batches.forecast(bag.values(), action, by=adam, response=response, granted=granted)
        assert list(TokenRequest._get_collection().find()) == before
        assert ReviewBatch.objects.count() == 0
        batch = perform(review_batches.start(bag.values(), action, by=adam, response=response, granted=granted))
        assert {what for what, row in zip(bag, batch.rows, strict=True) if row["outcome"] == DONE} == done
        foretold = [one.refusal.code if one.refusal else DONE for one in told]
        assert [row["outcome"] for row in batch.rows] == foretold
        kept = [review_batches.refusal_of(row) for row in batch.rows]
        assert [one and one.values for one in kept] == [one.refusal and one.refusal.values for one in told]

    def test_each_refusal_says_why(self, bag, adam):
        told = review_batches.forecast(bag.values(), BatchAction.APPROVE, by=adam, response="Words.")
        codes = {what: one.refusal and one.refusal.code for what, one in zip(bag, told, strict=True)}
        assert codes == {
            "pending": None,
            "pending beta": None,
            **dict.fromkeys(
                (
                    "question asked",
                    "approved by somebody",
                    "approved by the same person",
                    "rejected just now",
                    "rejected by the same person",
                    "long rejected",
                    "long spam",
                    "own and refused",
                ),
                "already_decided",
            ),
            "changed since": "changed",
            "own": "forbidden",
            "nothing": "not_found",
        }

    def test_each_refusal_to_delete_says_why(self, bag, adam):
        told = review_batches.forecast(bag.values(), BatchAction.DELETE, by=adam)
        codes = {what: one.refusal and one.refusal.code for what, one in zip(bag, told, strict=True)}
        open_or_approved = {name for name in bag if name.startswith(("pending", "question", "approved", "changed"))}
        assert codes == {
            **dict.fromkeys(open_or_approved, "not_deletable"),
            "rejected just now": "too_early",
            "rejected by the same person": "too_early",
            "long rejected": None,
            "long spam": None,
            "own": "not_deletable",
            "own and refused": "forbidden",
            "nothing": "not_found",
        }


class TestDeletion:
    @pytest.mark.parametrize(("days", "code"), [(29.99, "too_early"), (30, DONE)])
    def test_what_was_refused_goes_after_thirty_days_and_its_trail_stays(self, days, code, adam, clock_hand):
        token_request = refused(adam, clock_hand, days=days)
        batch = perform(review_batches.start(seen(token_request), BatchAction.DELETE, by=adam, note="Tidying up"))
        assert outcomes(batch) == [code]
        assert (stored(token_request) is None) is (code == DONE)
        trail = set(AuditEvent.objects(object__id=str(token_request.id)).scalar("action"))
        assert trail == {"request.reject", *(["request.delete"] if code == DONE else [])}
        if code == DONE:
            event = AuditEvent.objects.get(action="request.delete")
            assert (event.batch, event.reason, event.actor) == (str(batch.id), "Tidying up", adam.stamp())
            assert event.before == {"status": "rejected", "kind": "quota", "user": str(token_request.user)}
            assert event.object["number"] == token_request.number

    def test_it_gives_the_users_slot_back(self, adam, clock_hand):
        user = make_user()
        token_request = review.mark_spam(make_beta(user), by=adam)
        assert outcome(make_beta, user) == "AlreadyRequested"
        clock_hand.shift(KEPT)
        perform(review_batches.start(seen(token_request), BatchAction.DELETE, by=adam))
        assert outcome(make_beta, user) == "done"

    def test_what_is_being_deleted_cannot_be_reopened(self, adam, clock_hand, mongodb_uri):
        token_request = refused(adam, clock_hand)
        batch = review_batches.start(seen(token_request), BatchAction.DELETE, by=adam)
        dies_when_it_is_marked = Killer(2, command="update")
        assert run_and_kill(mongodb_uri, dies_when_it_is_marked, lambda: perform(batch))
        assert stored(token_request)["removal"]["batch"] == str(batch.id)
        for version in (None, token_request.version):
            with pytest.raises(NotFound):
                review.reopen(token_request, by=OPERATOR, note="Wait", version=version)

    def test_of_deleting_and_reopening_at_once_one_happens(self, adam, clock_hand, threads):
        for _round in range(10):
            token_request = refused(adam, clock_hand)
            batch = review_batches.start(seen(token_request), BatchAction.DELETE, by=adam)

            def race(i, token_request=token_request, batch=batch):
                return outcome(review.reopen, token_request, by=OPERATOR, note="Wait") if i else perform(batch)

            reopened = threads(race, 2)[1] == "done"
            assert (stored(token_request) is not None) is reopened
            assert (outcomes(batch) == [DONE]) is not reopened
            deleted = AuditEvent.objects(action="request.delete", object__id=str(token_request.id)).count()
            assert deleted == (not reopened)

    def test_two_batches_at_once_delete_it_once(self, adam, clock_hand, threads):
        token_request = refused(adam, clock_hand)
        batches = [review_batches.start(seen(token_request), BatchAction.DELETE, by=adam) for _ in range(4)]
        threads(lambda i: perform(batches[i]), 4)
        codes = Counter(code for batch in batches for code in outcomes(batch))
        assert codes[DONE] == 1
        assert set(codes) <= {DONE, "not_found", "changed"}
        assert AuditEvent.objects(action="request.delete").count() == 1


class TestGoingOn:
    def test_a_batch_killed_anywhere_is_finished_by_the_worker(self, killed_everywhere, adam, clock_hand):
        def prepare():
            asked = [make_request(used=70), make_beta()]
            return asked, review_batches.start(seen(*asked), BatchAction.APPROVE, by=adam, note="Checked")

        left = set()
        for (asked, batch), _ in killed_everywhere(prepare, lambda subject: perform(subject[1])):
            left.add(ReviewBatch.objects.get(id=batch.id).left)
            clock_hand.shift(LEASE)
            review_batches.resume_left()
            due.perform_waiting()
            done = ReviewBatch.objects.get(id=batch.id)
            assert (outcomes(batch), done.left, done.resume_at) == ([DONE, DONE], 0, None)
            assert effects_of(asked[0]) == APPROVED
            for one in asked:
                now = stored(one)
                assert (now["status"], now["due"], len(now["history"]), len(now["notes"])) == ("approved", [], 2, 1)
                events = AuditEvent.objects(object__id=str(one.id), action="request.approve")
                assert [event.batch for event in events] == [str(batch.id)]
        assert left == {2, 1, 0}

    def test_a_deletion_killed_anywhere_is_finished_by_the_worker(self, killed_everywhere, adam, clock_hand):
        def prepare():
            token_request = refused(adam, clock_hand)
            return token_request, review_batches.start(seen(token_request), BatchAction.DELETE, by=adam)

        for (token_request, batch), _ in killed_everywhere(prepare, lambda subject: perform(subject[1])):
            # The worker may find what is due before it finds the batch.
            clock_hand.shift(LEASE)
            due.perform_waiting()
            review_batches.resume_left()
            assert (outcomes(batch), stored(token_request)) == ([DONE], None)
            events = AuditEvent.objects(object__id=str(token_request.id), action="request.delete")
            assert [event.batch for event in events] == [str(batch.id)]

    def test_what_was_begun_is_deleted_even_by_a_worker_whose_reviewer_lost_the_right(
        self, killed_everywhere, clock_hand
    ):
        def prepare():
            admin = make_admin()
            token_request = refused(OPERATOR, clock_hand)
            return (
                admin,
                token_request,
                review_batches.start(seen(token_request), BatchAction.DELETE, by=actor_of(admin)),
            )

        make_admin()
        for (admin, token_request, batch), _ in killed_everywhere(prepare, lambda subject: perform(subject[2])):
            user_changes.deactivate(admin.id, by=OPERATOR)
            clock_hand.shift(LEASE)
            review_batches.resume_left()
            now = stored(token_request)
            assert (outcomes(batch), now and now.get("removal")) in (([DONE], None), (["forbidden"], None))
            assert (now is None) is (outcomes(batch) == [DONE])

    def test_what_became_of_a_request_after_the_crash_stays(self, adam, mongodb_uri, clock_hand):
        def decided_but_not_written_down():
            token_request = make_request(used=70)
            batch = review_batches.start([Selected(token_request.number)], BatchAction.REJECT, by=adam, response="No.")
            dies = Killer(2, command="findAndModify")
            assert run_and_kill(mongodb_uri, dies, lambda: perform(batch))
            assert (outcomes(batch), stored(token_request)["status"]) == ([None], "rejected")
            return token_request, batch

        token_request, batch = decided_but_not_written_down()
        review.reopen(token_request, by=OPERATOR, note="Another look")
        clock_hand.shift(LEASE)
        review_batches.resume_left()
        assert (outcomes(batch), stored(token_request)["status"]) == ([DONE], "pending")
        assert len(stored(token_request)["history"]) == 3

    def test_two_workers_who_resume_at_once_do_it_once(self, adam, clock_hand, threads):
        asked = [make_request(used=70) for _ in range(20)]
        batch = review_batches.start(seen(*asked), BatchAction.APPROVE, by=adam)
        clock_hand.shift(LEASE)
        assert sorted(threads(lambda _: review_batches.resume_left(), 4)) == [0, 0, 0, 20]
        assert outcomes(batch) == [DONE] * 20
        assert [effects_of(one) for one in asked] == [APPROVED] * 20

    def test_four_who_do_the_same_batch_at_once_do_it_once(self, adam, threads):
        asked = [make_request(used=70) for _ in range(20)]
        batch = review_batches.start(seen(*asked), BatchAction.APPROVE, by=adam, note="Checked")
        threads(lambda _: perform(batch), 4)
        assert outcomes(batch) == [DONE] * 20
        assert [effects_of(one) for one in asked] == [APPROVED] * 20
        assert [len(stored(one)["notes"]) for one in asked] == [1] * 20

    def test_two_batches_on_the_same_requests_decide_each_once(self, adam, threads):
        asked = [make_request(used=70) for _ in range(20)]
        ways = [(BatchAction.APPROVE, adam), (BatchAction.REJECT, actor_of(make_admin()))]
        batches = [review_batches.start(seen(*asked), action, by=by, response="So.") for action, by in ways]
        threads(lambda i: perform(batches[i]), 2)
        for one, *codes in zip(asked, *map(outcomes, batches), strict=True):
            assert sorted(codes) in (["already_decided", DONE], ["changed", DONE])
            effects = effects_of(one)
            assert effects["request.approve"] + effects["request.reject"] == 1
            assert effects["reset"] == effects["request.approve"]

    def test_the_worker_leaves_a_batch_alone_while_somebody_is_at_it(self, adam, clock_hand):
        asked = [make_request() for _ in range(3)]
        batch = review_batches.start(seen(*asked), BatchAction.SPAM, by=adam)
        clock_hand.shift(LEASE - timedelta(seconds=1))
        doing = review_batches.perform(batch)
        next(doing)
        clock_hand.shift(LEASE - timedelta(seconds=1))
        assert review_batches.resume_left() == 0
        clock_hand.shift(timedelta(seconds=2))
        assert review_batches.resume_left() == 2

    def test_the_worker_does_a_bounded_part_at_a_time(self, adam, clock_hand):
        batches = [
            review_batches.start(seen(*(make_request() for _ in range(3))), BatchAction.SPAM, by=adam) for _ in range(2)
        ]
        clock_hand.shift(LEASE)
        done = [review_batches.resume_left(limit=2) for _round in range(5)]
        assert (sum(done), max(done)) == (6, 2)
        assert [outcomes(batch) for batch in batches] == [[DONE] * 3] * 2
        assert ReviewBatch.objects(finished_at=None).count() == 0

    def test_time_that_is_up_leaves_the_rest_to_the_worker_at_once(self, adam):
        asked = [make_request() for _ in range(3)]
        batch = review_batches.start(seen(*asked), BatchAction.SPAM, by=adam)
        review_batches.perform_for(batch, seconds=0)
        assert outcomes(batch) == [DONE, None, None]
        assert review_batches.resume_left() == 2

    def test_a_row_that_is_busy_waits_and_holds_up_no_other(self, adam, clock_hand):
        first, second = refused(adam, clock_hand), refused(adam, clock_hand)
        clock_hand.shift(KEPT)
        batch = review_batches.start(seen(first, second), BatchAction.DELETE, by=adam)
        # Marked by a process that died, with something due that cannot be done yet.
        mark = {"removal": {"by": adam.stamp(), "at": START, "batch": str(batch.id)}, "due": [{"failed": "Later"}]}
        TokenRequest._get_collection().update_one({"_id": first.id}, {"$set": mark})
        perform(batch)
        assert outcomes(batch) == [None, DONE]
        TokenRequest._get_collection().update_one({"_id": first.id}, {"$set": {"due": []}})
        clock_hand.shift(LEASE)
        review_batches.resume_left()
        assert (outcomes(batch), stored(first)) == ([DONE, DONE], None)

    @pytest.mark.parametrize("many", [100, pytest.param(500, marks=pytest.mark.long)])
    def test_many_rows_while_processes_are_killed_are_decided_once(self, adam, mongodb_uri, clock_hand, many):
        chance = random.Random(5)  # noqa: S311 - to repeat a run, not to keep a secret
        asked = [make_request(used=70) for _ in range(many)]
        for one in chance.sample(asked, 10):
            review.mark_spam(one, by=OPERATOR)
        batch = review_batches.start(seen(*asked), BatchAction.APPROVE, by=adam, note="Checked")
        kills = 0
        while ReviewBatch.objects(id=batch.id, finished_at=None).first():
            kills += run_and_kill(mongodb_uri, Killer(chance.randint(1, 6 * many)), review_batches.resume_left)
            clock_hand.shift(LEASE)
        due.perform_waiting()
        assert kills > 5
        assert Counter(outcomes(batch)) == {DONE: many - 10, "already_decided": 10}
        done = set(ReviewBatch.objects.get(id=batch.id).done)
        for one in asked:
            now = stored(one)
            assert (now["due"], len(now["history"])) == ([], 2)
            assert len(now["notes"]) == (one.number in done)
            assert one.number not in done or effects_of(one) == APPROVED
        events = AuditEvent.objects(action="request.approve")
        assert (events.count(), set(events.scalar("batch"))) == (many - 10, {str(batch.id)})


def test_what_keys_and_operators_decide_together_is_theirs(admin):
    token_request = make_request()
    by = Actor("cli", "root", "root")
    batch = perform(review_batches.start(seen(token_request), BatchAction.SPAM, by=by))
    assert (outcomes(batch), stored(token_request)["decision"]["by"]) == ([DONE], by.stamp())
    assert outcome(review_batches.start, [Selected(1)], BatchAction.SPAM, by=Actor("key", str(ObjectId()), "k")) == (
        Forbidden.__name__
    )
