"""A small and always equal share of what `make fuzz` tries: whatever is sent, nothing breaks, and a refusal leaves nothing."""

import pytest

from tests.fuzzing.__main__ import fuzzed_app
from tests.fuzzing.api import CALLERS, ApiFuzzer
from tests.fuzzing.forms import FormFuzzer
from tests.fuzzing.kept_world import kept_world

ALWAYS_EQUAL = {"derandomize": True}
# What no page of the world shows: it comes by mail, needs two-factor sign-in or Stripe, or is there for a moment only.
NOT_SHOWN = {
    *("admin_orders.check", "admin_request_batches.resume", "admin_request_batches.start", "orders.pay"),
    *("admin_request_decisions.release", "admin_request_decisions.retry", "admin_user_changes.activate"),
    *("admin_user_changes.take_role", "admin_user_tokens.do_bonus", "chat_answers.stop", "chat_answers.stream"),
    *("confirm_email.confirm", "confirm_email.send_again", "listings.support", "reset_password.new_password"),
    *("settings_email.cancel", "settings_email.confirm", "settings_two_factor.recovery_codes", "sign_in.code"),
    *("settings_two_factor.replace_app", "settings_two_factor.turn_off"),
    *("settings_two_factor.turn_on", "settings_two_factor.replace_recovery_codes"),
}


@pytest.fixture
def fuzzed(mongodb_uri):
    """The app with everything switched on; of its rows the tests' own app takes no notice."""
    return fuzzed_app(mongodb_uri)


def test_any_form_is_answered(fuzzed):
    with kept_world(fuzzed) as world:
        fuzzer = FormFuzzer(fuzzed, world)
        assert len(fuzzer.routes) > 80
        assert fuzzer.not_shown <= NOT_SHOWN, "the pages of the world show no form that leads there"
        for route in fuzzer.routes:
            fuzzer.run(route, 2, **ALWAYS_EQUAL)


def test_any_call_is_answered_as_its_document_says(fuzzed):
    with kept_world(fuzzed) as world:
        fuzzer = ApiFuzzer(fuzzed, world)
        for caller in CALLERS:
            for operation in fuzzer.operations:
                fuzzer.run(operation, caller, 2, covering=False, **ALWAYS_EQUAL)


@pytest.mark.long
def test_what_the_document_names_is_tried_one_by_one(fuzzed):
    with kept_world(fuzzed) as world:
        fuzzer = ApiFuzzer(fuzzed, world)
        for operation in fuzzer.operations:
            fuzzer.run(operation, "an admin's key", 20, **ALWAYS_EQUAL)
