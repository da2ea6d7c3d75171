"""Deciding many at once: what is foretold is what happens, each row once."""

import pytest
from bson import ObjectId
from pymongo.errors import AutoReconnect

from app.models.actor import Actor
from app.models.audit_event import AuditEvent
from app.models.domain_error import Forbidden, InvalidInput, NotFound
from app.models.review_batch import DONE, FAILED, BatchAction, ReviewBatch
from app.models.token_request import TokenRequest
from app.services import (
    quota_requests,
    request_deletion,
    review,
    review_batches,
    user_changes,
)
from app.services.review_batches import Selected
from tests.batches import APPROVED, make_beta, outcomes, perform, seen
from tests.effects import effects_of, outcome, stored
from tests.factories import OPERATOR, actor_of, make_admin, make_request, make_user


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

    def test_what_was_wrong_with_a_row_is_kept_so_that_it_can_be_said_in_any_language(self, adam):
        batch = perform(review_batches.start(seen(make_beta()), BatchAction.APPROVE, by=adam, granted=100_000))
        [said] = review_batches.refusal_of(ReviewBatch.objects.get(id=batch.id).rows[0]).errors["granted"]
        wanted = ("Must be a whole number from %(least)s to %(most)s.", {"least": 1, "most": 10_000})
        assert (said.text, said.values) == wanted
        assert said == "Must be a whole number from 1 to 10000."

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
        clock_hand.shift(request_deletion.KEPT)
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


def test_what_keys_and_operators_decide_together_is_theirs(admin):
    token_request = make_request()
    by = Actor("cli", "root", "root")
    batch = perform(review_batches.start(seen(token_request), BatchAction.SPAM, by=by))
    assert (outcomes(batch), stored(token_request)["decision"]["by"]) == ([DONE], by.stamp())
    assert outcome(review_batches.start, [Selected(1)], BatchAction.SPAM, by=Actor("key", str(ObjectId()), "k")) == (
        Forbidden.__name__
    )
