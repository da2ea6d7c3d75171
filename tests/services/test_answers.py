"""Writing an answer down: what is saved, charged and released, however it ends."""

from datetime import timedelta

import pytest
import time_machine

from app import clock
from app.models.account import EntryType
from app.models.assistant import Assistant
from app.models.domain_error import AssistantUnavailable, Busy, InsufficientTokens
from app.models.message import Failure, Message
from app.services import announcements, answers, due, ledger, token_accounts
from app.services.token_count import cost, count
from app.services.upstream_stream import Usage
from tests.chatting import announced, charges, make_talker, say
from tests.factories import OPERATOR, actor_of

LONG_AGO = timedelta(seconds=61)


@pytest.fixture
def user():
    return make_talker()


def write(answer, pieces):
    list(answers.write(answer, pieces))
    return Message.objects.get(id=answer.id)


def breaking(*pieces, error=AssistantUnavailable):
    """An assistant that says so much and then breaks."""
    yield from pieces
    raise error


def lapse(**values):
    """The worker's next run, a minute after everybody has died."""
    with time_machine.travel(clock.now() + LONG_AGO, tick=False):
        ended = answers.settle_lapsed()
        due.perform_waiting()
    return ended


def check(user, status, text):
    """The answer as it must be in the end: with `status` and `text`, charged exactly once, nothing held."""
    answer = Message.objects.get(user=user.id, role="assistant")
    charged = answer.prompt_tokens + count(text) if text else 0
    assert (answer.status, answer.text, answer.tokens_charged or 0) == (status, text, charged)
    assert charges(user.id) == ([charged] if charged else [])
    assert (answer.due, answer.lease_until) == ([], None)
    account = token_accounts.view(user.id)
    assert (account.balance, account.held) == (150_000 - charged, 0)


# --- how an answer ends -----------------------------------------------------------------------------------------------


def test_an_answer_that_ends_is_done(user):
    write(announced(user), ["Hello ", "there"])
    check(user, "done", "Hello there")


def test_pieces_are_passed_on_as_they_come_empty_ones_too(user):
    assert list(answers.write(announced(user), ["a", "", "b"])) == ["a", "", "b"]


@pytest.mark.parametrize("pieces", [[], [""], [Usage(500)]])
def test_no_answer_at_all_is_charged_nothing(user, pieces):
    assert write(announced(user), pieces).failure == "empty"
    check(user, "failed", "")
    assert ledger.history(user.id, with_holds=True)[0]["type"] == EntryType.RELEASE


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (AssistantUnavailable, "unavailable"),
        (AssistantUnavailable(failure=Failure.BUSY), "busy"),
        (ZeroDivisionError, "unavailable"),
    ],
)
def test_what_kept_an_assistant_from_saying_anything_is_raised_and_noted(user, error, failure):
    answer = announced(user)
    with pytest.raises((AssistantUnavailable, ZeroDivisionError)):
        write(answer, breaking(error=error))
    assert Message.objects.get(id=answer.id).failure == failure
    check(user, "failed", "")


def test_an_assistant_that_breaks_off_is_charged_what_it_said(user):
    assert write(announced(user), breaking("Half an ", "ans")).failure == "broken_off"
    check(user, "stopped", "Half an ans")


# --- what the model says that it used ---------------------------------------------------------------------------------


@pytest.mark.parametrize("usages", [[0], [1], [7, 123], [2_000]])
def test_an_answer_that_ends_is_charged_what_the_model_said_last_at_its_price(user, usages):
    Assistant.objects(number=1).update(price=1_500)
    answer = announced(user)
    write(answer, ["Hello", *map(Usage, usages)])
    assert charges(user.id) == ([cost(usages[-1], 1_500)] if usages[-1] else [])
    assert Message.objects.get(id=answer.id).tokens_charged == cost(usages[-1], 1_500)


@pytest.mark.parametrize("usage", [-1, 10**9, 10**30, "500", "", 12.0, True, [], {}, "x" * 10**6])
def test_what_cannot_have_been_used_is_counted_here_and_logged(user, usage, caplog):
    write(announced(user), ["Hello", Usage(usage)])
    check(user, "done", "Hello")
    [record] = caplog.records
    assert "the model says it used" in record.getMessage()
    assert len(record.getMessage()) < 300


def test_more_than_twice_the_hold_is_not_believed(user):
    answer = announced(user)
    write(answer, ["Hello", Usage(2 * (answer.prompt_tokens + answer.max_tokens) + 1)])
    check(user, "done", "Hello")


@pytest.mark.parametrize("pieces", [breaking("Half", Usage(100)), breaking(Usage(100), "Half")])
def test_of_an_answer_that_breaks_off_the_model_has_not_said_what_it_used(user, pieces):
    write(announced(user), pieces)
    check(user, "stopped", "Half")


def test_a_defect_in_an_assistant_charges_what_it_said_and_is_not_hidden(user):
    with pytest.raises(ZeroDivisionError):
        write(announced(user), breaking("Half", error=ZeroDivisionError))
    check(user, "stopped", "Half")


def test_an_answer_that_nobody_reads_on_is_charged_what_was_said(user):
    reading = answers.write(announced(user), ["One ", "two ", "three"])
    assert [next(reading), next(reading)] == ["One ", "two "]
    reading.close()
    check(user, "stopped", "One two ")


def test_the_text_is_saved_every_second_and_the_lease_moves(user):
    answer = announced(user)
    begun = clock.now()
    with time_machine.travel(begun, tick=False) as time:
        reading = answers.write(answer, ["a", "b", "c", "d"])
        seen = []
        for _ in range(4):
            next(reading)
            time.shift(0.6)
            stored = Message.objects.get(id=answer.id)
            seen.append((stored.text, stored.lease_until))
        reading.close()
    first, later = seen[0][1], clock.cut(begun + timedelta(seconds=1.2)) + answers.lease()
    assert seen == [("", first), ("", first), ("abc", later), ("abc", later)]


def test_an_answer_beyond_its_hold_is_charged_from_what_is_available(user):
    write(announced(user), ["x" * 3_000])
    check(user, "done", "x" * 3_000)


def test_an_answer_is_never_charged_more_than_there_is():
    user = make_talker(250)
    answer = write(announced(user), ["x" * 3_000])
    assert (answer.tokens_charged, charges(user.id), token_accounts.view(user.id).available) == (250, [250], 0)


# --- what a crash leaves, and the worker mends ------------------------------------------------------------------------


def test_the_worker_leaves_a_living_answer_alone(user):
    announced(user)
    assert answers.settle_lapsed() == 0
    assert Message.objects.get(role="assistant").status == "streaming"


def test_died_before_the_hold(user):
    announced(user, held=False)
    assert lapse() == 1
    check(user, "failed", "")


def test_died_before_the_hold_was_noted(user):
    answer = announced(user)
    Message.objects(id=answer.id).update(unset__hold_id=True)
    lapse()
    assert Message.objects.get(id=answer.id).status == "failed"
    with time_machine.travel(clock.now() + timedelta(seconds=announcements.HOLD_SECONDS + 1), tick=False):
        check(user, "failed", "")


def test_a_hold_that_comes_after_the_worker_has_ended_the_answer_is_released(user):
    answer = announced(user, held=False)
    assert lapse() == 1
    with pytest.raises(Busy):
        announcements.hold(answer, 1_000, actor_of(user))
    check(user, "failed", "")


def test_an_answer_that_cannot_be_ended_keeps_no_other_from_it(user, caplog):
    other = make_talker()
    broken = say(other)
    Message.objects(id=broken.id).update(status="streaming", lease_until=clock.now(), unset__price=True)
    announced(user)
    assert lapse() == 1
    check(user, "failed", "")
    assert f"answer {broken.id} cannot be ended" in caplog.text


def test_died_before_the_first_piece_was_saved(user):
    announced(user)
    assert lapse() == 1
    check(user, "failed", "")


def test_died_half_way(user):
    answer = announced(user)
    assert answers._save(answer, "Half an ans")
    assert lapse() == 1
    check(user, "stopped", "Half an ans")


def test_died_before_the_charge(user):
    answer = announced(user)
    perform_later(answer, "All of it", "done")
    assert lapse() == 0
    check(user, "done", "All of it")


def test_died_before_the_charge_was_noted(user):
    answer = announced(user)
    item = perform_later(answer, "All of it", "done")
    answers.charge(answer.id, item["arguments"]["tokens"])
    Message.objects(id=answer.id).update(unset__tokens_charged=True)
    assert lapse() == 0
    check(user, "done", "All of it")


def perform_later(answer, text, status):
    """Ends the answer and dies before anything of what is due is done; gives the due item."""
    item = answers.charge_item(answer, text)
    Message.objects(id=answer.id).update(text=text, status=status, due=[item], unset__lease_until=True)
    return item


def test_a_repeat_after_a_crash_returns_what_the_worker_made_of_it(user):
    answer = announced(user)
    assert answers._save(answer, "Half an ans")
    lapse()
    assert (say(user).status, say(user).failure) == ("stopped", "broken_off")


def test_a_repeat_after_a_crash_before_the_first_word_asks_again(user):
    failed = announced(user)
    lapse()
    answer = say(user)
    assert (answer.status, answer.id != failed.id) == ("done", True)
    assert Message.objects(role="user").count() == Message.objects(role="assistant").count() == 1
    check(user, "done", answer.text)


def test_a_failed_answer_stays_until_it_can_be_asked_for_again(user):
    failed = announced(user)
    lapse()
    token_accounts.spend(user.id, 150_000 - 10, by=OPERATOR)
    with pytest.raises(InsufficientTokens):
        say(user)
    assert Message.objects.get(role="assistant").id == failed.id


def test_while_the_hold_of_a_failed_answer_is_still_to_be_released_its_key_is_in_use(user, monkeypatch):
    answer = announced(user)
    with time_machine.travel(clock.now() + LONG_AGO, tick=False):
        with monkeypatch.context() as patch:
            patch.setitem(due.VERBS, "answer.charge", breaking_verb)
            assert answers.settle_lapsed() == 1
            with pytest.raises(Busy):
                say(user)
        assert Message.objects.get(role="assistant").id == answer.id
        assert say(user).status == "done"


def breaking_verb(**_arguments):
    raise Busy


def test_ten_workers_at_once_charge_an_answer_once(user, threads):
    answer = announced(user)
    assert answers._save(answer, "Half")
    with time_machine.travel(clock.now() + LONG_AGO, tick=False):
        assert sum(threads(lambda _: answers.settle_lapsed(), 10)) == 1
    check(user, "stopped", "Half")


def test_a_writer_that_wakes_up_after_the_worker_changes_nothing(user):
    answer = announced(user)
    with time_machine.travel(clock.now(), tick=False) as time:
        reading = answers.write(answer, ["One ", "two ", "three ", "four"])
        next(reading)
        time.shift(2)
        next(reading)
        time.shift(LONG_AGO)
        assert answers.settle_lapsed() == 1
        assert list(reading) == []
    check(user, "stopped", "One two ")


def test_a_hold_that_somebody_closed_is_what_the_answer_cost(user):
    answer = announced(user)
    token_accounts.settle(answer.hold_id, 7, by=OPERATOR)
    answer = write(answer, ["Hello"])
    assert (answer.status, answer.tokens_charged, answer.due) == ("done", 7, [])


def test_an_answer_is_charged_after_its_hold_has_ended_too(user):
    answer = announced(user)
    with time_machine.travel(clock.now() + timedelta(hours=1), tick=False):
        write(answer, ["Hello"])
        check(user, "done", "Hello")


def test_the_worker_finds_lapsed_answers_by_index(user):
    for n in range(30):
        say(user, key=f"key-{n}")
    announced(user)
    with time_machine.travel(clock.now() + LONG_AGO, tick=False):
        plan = Message.objects.lapsed(clock.now()).explain()
    assert plan["executionStats"]["totalDocsExamined"] == 1
