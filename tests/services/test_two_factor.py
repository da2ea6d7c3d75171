"""Two-factor sign-in: turning it on and off, codes that count once, also at the same moment, and the second step."""

from datetime import timedelta

import pytest
import time_machine
from argon2 import PasswordHasher
from mongoengine.connection import get_db
from pyotp import TOTP

from app import clock
from app.models.actor import Actor
from app.models.audit_event import AuditEvent
from app.models.domain_error import AlreadyExists, Forbidden, NotFound, TwoFactorNeeded, WrongCode
from app.models.user import User
from app.services import (
    login_sessions,
    password_reset_mail,
    password_resets,
    passwords,
    sealed,
    two_factor,
    two_factor_codes,
    user_changes,
    users,
)
from app.services.sign_in import CodeNeeded, SignedIn, finish, sign_in
from tests.effects import outcome
from tests.factories import OPERATOR, PASSWORD, actor_of, make_admin, make_user

EMAIL, HERE = "ann@example.com", "192.0.2.1"
STEP = timedelta(seconds=30)


@pytest.fixture(autouse=True)
def fast_hashing(monkeypatch):
    """Passwords at the least cost: they are not what is tested here."""
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def hand():
    """The clock's hand, at rest in the middle of a time step."""
    start = clock.now().replace(second=10, microsecond=0)
    with time_machine.travel(start, tick=False) as traveller:
        yield traveller


@pytest.fixture
def ann(hand):
    return make_user(EMAIL, password=PASSWORD)


def code_of(user, steps=0):
    secret = sealed.unseal(User.objects(id=user.id).first().totp_secret, of=str(user.id))
    return TOTP(secret).at(clock.now() + steps * STEP)


def prove(user):
    """Shows the app's code and the password; the proof, and the recovery codes."""
    setup = two_factor.begin(user)
    code = TOTP(two_factor.secret_of(setup, user)).at(clock.now())
    return two_factor.prove(user.id, setup=setup, code=code, password=PASSWORD, by=actor_of(user))


def turn_on(user):
    """Turns it on, and lets the code that showed it pass; the recovery codes."""
    proof, codes = prove(user)
    two_factor.turn_on(user.id, proof=proof, by=actor_of(user))
    return codes


def renew(user, code):
    """Makes new recovery codes and has them count."""
    proof, codes = two_factor.new_recovery_codes(user.id, code=code, by=actor_of(user))
    two_factor.replace_recovery_codes(user.id, proof=proof, by=actor_of(user))
    return codes


@pytest.fixture
def codes(ann, hand):
    codes = turn_on(ann)
    hand.shift(STEP)
    return codes


def first_step(device=None):
    return sign_in(EMAIL, PASSWORD, address=HERE, device=device)


def second(code, device=None, step=None):
    return finish(step or first_step(device).step, code, address=HERE, device=device)


# --- turning it on ----------------------------------------------------------------------------------------------------


def test_it_is_turned_on_with_a_code_of_the_app_and_ends_all_sessions(ann):
    token = login_sessions.start(ann)
    codes = turn_on(ann)
    user = users.get(ann.id)
    assert user.has_two_factor
    assert login_sessions.find(token) is None
    assert len({*codes}) == len(user.recovery_codes) == 10
    assert [*AuditEvent.objects.scalar("action")][-1] == "user.turn_on_two_factor"


def test_neither_the_secret_nor_a_recovery_code_is_kept_readable(ann):
    codes = turn_on(ann)
    kept = str(get_db().users.find_one()) + str(list(get_db().audit_events.find()))
    secret = sealed.unseal(users.get(ann.id).totp_secret, of=str(ann.id))
    assert len(secret) == 32
    for text in (secret, *codes, *(code.replace("-", "") for code in codes)):
        assert text not in kept


def test_what_does_not_turn_it_on(ann, hand):
    bob = make_user(password=PASSWORD)
    setup, theirs = two_factor.begin(ann), two_factor.begin(bob)
    code = TOTP(two_factor.secret_of(setup, ann)).at(clock.now())
    tries = {
        "a wrong code": (setup, f"{(int(code) + 1) % 10**6:06}", actor_of(ann), "WrongCode"),
        "no digits": (setup, "abcdef", actor_of(ann), "WrongCode"),
        "nothing": (setup, "", actor_of(ann), "WrongCode"),
        "a surrogate": (setup, "\ud800", actor_of(ann), "WrongCode"),
        "the setup of another": (theirs, TOTP(two_factor.secret_of(theirs, bob)).now(), actor_of(ann), "WrongCode"),
        "a forged setup": ("x", code, actor_of(ann), "WrongCode"),
        "somebody else": (setup, code, actor_of(make_admin()), "Forbidden"),
        "an operator": (setup, code, OPERATOR, "Forbidden"),
        "a key of the user": (setup, code, Actor("key", "k", "k", on_behalf_of=str(ann.id)), "Forbidden"),
    }
    for what, (given, tried, by, refusal) in tries.items():
        assert outcome(two_factor.prove, ann.id, setup=given, code=tried, password=PASSWORD, by=by) == refusal, what
    mine = {"setup": setup, "code": code, "by": actor_of(ann)}
    for password in ("", "another ponies battery", "\ud800"):
        assert outcome(two_factor.prove, ann.id, **mine, password=password) == "InvalidInput"
    hand.shift(timedelta(hours=1, seconds=1))
    assert outcome(two_factor.prove, ann.id, **mine, password=PASSWORD) == "WrongCode"
    assert not users.get(ann.id).has_two_factor


def test_it_is_for_those_who_sign_in_with_a_password():
    with pytest.raises(Forbidden):
        turn_on(make_user())


def test_who_registers_with_the_address_of_another_cannot_lock_its_owner_out(app, ann, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_SERVER", "mail.example.com")
    User.objects(id=ann.id).update(email_confirmed=False)
    assert outcome(turn_on, ann) == "Forbidden"
    user_changes.confirm_email(ann.id, by=OPERATOR)
    assert outcome(turn_on, ann) == "done"


def test_a_session_that_starts_as_it_is_turned_on_ends_with_what_comes_in_between(ann, hand):
    user = two_factor.turn_on(ann.id, proof=prove(ann)[0], by=actor_of(ann))
    user_changes.set_password(ann.id, "another ponies battery", by=OPERATOR)
    assert login_sessions.find(login_sessions.start(user)) is None


def test_of_two_browsers_that_turn_it_on_at_once_one_does(ann, threads):
    outcomes = threads(lambda _: turn_on(ann), 8)
    assert sum(isinstance(one, list) for one in outcomes) == 1
    with pytest.raises(AlreadyExists):
        turn_on(ann)


def test_nothing_is_on_before_its_recovery_codes_are_kept(ann, hand):
    """Whoever clicks twice gets two proofs, of which either turns it on, with the codes that its page shows."""
    first, second_ = prove(ann), prove(ann)
    assert not users.get(ann.id).has_two_factor
    two_factor.turn_on(ann.id, proof=second_[0], by=actor_of(ann))
    for proof in (first[0], second_[0]):
        assert outcome(two_factor.turn_on, ann.id, proof=proof, by=actor_of(ann)) == "AlreadyExists"
    assert outcome(second, second_[1][0]) == "done"
    assert outcome(second, first[1][0]) == "WrongCode"


@pytest.mark.parametrize("end", ["time", "password", "turned off since", "another user", "forged", "nothing"])
def test_a_proof_ends(ann, hand, end):
    proof, by = prove(ann)[0], actor_of(ann)
    if end == "time":
        hand.shift(timedelta(hours=1, seconds=1))
    elif end == "password":
        user_changes.set_password(ann.id, "another ponies battery", by=OPERATOR)
    elif end == "turned off since":
        two_factor.turn_on(ann.id, proof=proof, by=by)
        two_factor.reset(ann.id, by=OPERATOR)
    elif end == "another user":
        proof = prove(make_user(password=PASSWORD))[0]
    else:
        proof = "x" if end == "forged" else ""
    assert outcome(two_factor.turn_on, ann.id, proof=proof, by=by) == "WrongCode"
    assert not users.get(ann.id).has_two_factor


# --- the second step --------------------------------------------------------------------------------------------------


def test_the_password_alone_starts_no_session(ann, codes):
    assert isinstance(first_step(), CodeNeeded)
    assert get_db().login_sessions.count_documents({}) == 0
    assert users.get(ann.id).known_devices == []


def test_a_code_of_the_app_signs_in_and_makes_the_browser_known(ann, codes):
    signed_in = second(code_of(ann))
    assert isinstance(signed_in, SignedIn)
    assert login_sessions.find(signed_in.session_token)[1].id == ann.id
    assert len(users.get(ann.id).known_devices) == 1


@pytest.mark.parametrize(
    ("steps", "said"), [(-2, "WrongCode"), (-1, "WrongCode"), (0, "done"), (1, "done"), (2, "WrongCode")]
)
def test_a_clock_may_be_off_by_a_step_but_the_code_of_the_setup_is_used(ann, codes, steps, said):
    assert outcome(second, code_of(ann, steps)) == said


def test_a_late_code_passes_where_no_later_one_was_used(ann, codes, hand):
    hand.shift(STEP)
    late, present = code_of(ann, -1), code_of(ann)
    assert [outcome(second, code) for code in (late, late, present, late)] == ["done", "WrongCode", "done", "WrongCode"]


def test_a_code_may_be_written_with_a_space(ann, codes):
    code = code_of(ann)
    assert outcome(second, f" {code[:3]} {code[3:]} ") == "done"


def test_of_twenty_who_send_the_same_code_at_once_one_is_let_in(app, ann, codes, threads, monkeypatch):
    monkeypatch.setitem(app.config, "SIGN_IN_ATTEMPTS", 100)
    code, step = code_of(ann), first_step().step
    outcomes = threads(lambda _: outcome(second, code, step=step), 20)
    assert sorted(outcomes) == ["WrongCode"] * 19 + ["done"]
    assert get_db().login_sessions.count_documents({}) == 1


def test_of_eight_who_send_the_same_recovery_code_at_once_one_is_let_in(ann, codes, threads):
    step = first_step().step
    outcomes = threads(lambda _: outcome(second, codes[3], step=step), 8)
    assert sorted(outcomes) == ["WrongCode"] * 7 + ["done"]
    assert len(users.get(ann.id).recovery_codes) == 9
    assert AuditEvent.objects(action="user.use_recovery_code").count() == 1


def test_a_recovery_code_may_be_written_in_any_groups_and_is_its_owners_only(ann, codes):
    bob = make_user("bob@example.com", password=PASSWORD)
    turn_on(bob)
    step = sign_in("bob@example.com", PASSWORD, address=HERE).step
    assert outcome(finish, step, codes[0], address=HERE) == "WrongCode"
    assert outcome(second, codes[0].replace("-", " ")) == "done"
    assert outcome(second, codes[1].replace("-", "")) == "done"


@pytest.mark.parametrize(
    "code", ["", " ", "12345", "abcdef", "１２３４５６", "\ud800", "0" * 20, "9" * 5_000, "{'$ne': 1}"]
)
def test_anything_else_is_a_wrong_code(ann, codes, code):
    assert outcome(second, code) == "WrongCode"


def test_the_second_step_ends(ann, codes, hand):
    step = first_step().step
    hand.shift(timedelta(minutes=10))
    assert outcome(second, code_of(ann), step=step) == "done"
    hand.shift(timedelta(seconds=31))
    assert outcome(second, code_of(ann), step=step) == "SignInNeeded"


@pytest.mark.parametrize("end", ["password", "deactivated", "reset", "forged"])
def test_what_ends_sessions_ends_the_second_step(ann, codes, end):
    step, code = first_step().step, code_of(ann)
    if end == "password":
        user_changes.set_password(ann.id, "another ponies battery", by=OPERATOR)
    elif end == "deactivated":
        user_changes.deactivate(ann.id, by=OPERATOR)
    elif end == "reset":
        two_factor.reset(ann.id, by=OPERATOR)
    assert outcome(second, code, step=step if end != "forged" else step[:-2] + "xx") == "SignInNeeded"


def test_ten_codes_in_five_minutes_are_all_that_unknown_browsers_have(ann, codes):
    device, step = second(code_of(ann)).device, first_step().step
    for _ in range(10):
        outcome(second, "000000", step=step)
    assert outcome(second, codes[0], step=step) == "TooManyAttempts"
    assert outcome(second, codes[0], step=step, device="another") == "TooManyAttempts"
    assert outcome(second, codes[0], step=step, device=device) == "done"


def test_thirty_codes_a_day_are_all_that_unknown_browsers_have(app, ann, codes, monkeypatch):
    monkeypatch.setitem(app.config, "SIGN_IN_ATTEMPTS", 1_000)
    step = first_step().step
    assert {outcome(second, "000000", step=step) for _ in range(30)} == {"WrongCode"}
    assert outcome(second, codes[0], step=step) == "TooManyAttempts"


def test_another_secret_key_makes_codes_wrong_but_not_recovery_codes(app, ann, codes, monkeypatch):
    code = code_of(ann)
    monkeypatch.setitem(app.config, "SECRET_KEY", "another " * 8)
    step = first_step().step
    assert [outcome(second, one, step=step) for one in (code, codes[0])] == ["WrongCode", "done"]


def test_a_secret_cannot_be_moved_to_another_user(ann, codes):
    assert sealed.unseal(users.get(ann.id).totp_secret, of=str(make_user().id)) is None


def test_a_new_password_by_mail_leaves_the_second_step(ann, codes):
    token = password_reset_mail.token_for(users.get(ann.id))
    password_resets.use(token, "another ponies battery", address=HERE)
    assert isinstance(sign_in(EMAIL, "another ponies battery", address=HERE), CodeNeeded)


# --- recovery codes, off, reset ---------------------------------------------------------------------------------------


def test_new_recovery_codes_replace_the_old_ones(ann, codes):
    renewed = renew(ann, codes[0])
    assert not {*renewed} & {*codes}
    assert [outcome(second, code) for code in (codes[1], renewed[1])] == ["WrongCode", "done"]


def test_new_recovery_codes_count_when_they_are_kept_and_never_come_back(ann, codes):
    proof, renewed = two_factor.new_recovery_codes(ann.id, code=codes[0], by=actor_of(ann))
    kept = {"proof": proof, "by": actor_of(ann)}
    assert outcome(second, codes[1]) == "done", "the old ones count until then"
    assert outcome(two_factor.replace_recovery_codes, ann.id, **kept) == "WrongCode", "an old one was used since"
    proof, renewed = two_factor.new_recovery_codes(ann.id, code=codes[2], by=actor_of(ann))
    for _ in range(2):
        two_factor.replace_recovery_codes(ann.id, proof=proof, by=actor_of(ann))
    assert AuditEvent.objects(action="user.renew_recovery_codes").count() == 1
    assert [outcome(second, code) for code in (codes[3], renewed[1])] == ["WrongCode", "done"]
    assert outcome(two_factor.replace_recovery_codes, ann.id, proof=proof, by=actor_of(ann)) == "WrongCode"
    assert outcome(second, renewed[1]) == "WrongCode"


def test_turning_it_off_needs_a_code_and_leaves_nothing(ann, codes):
    with pytest.raises(WrongCode):
        two_factor.turn_off(ann.id, code="000000", by=actor_of(ann))
    two_factor.turn_off(ann.id, code=code_of(ann), by=actor_of(ann))
    assert not {"totp_secret", "totp_step", "recovery_codes"} & {*get_db().users.find_one({"_id": ann.id})}
    assert isinstance(first_step(), SignedIn)
    for change in (two_factor.turn_off, two_factor.new_recovery_codes):
        with pytest.raises(NotFound):
            change(ann.id, code=codes[0], by=actor_of(ann))


def test_who_has_the_session_has_ten_codes_too(ann, codes):
    for _ in range(10):
        outcome(two_factor.turn_off, ann.id, code="000000", by=actor_of(ann))
    assert outcome(two_factor.turn_off, ann.id, code=codes[0], by=actor_of(ann)) == "TooManyAttempts"


def test_an_operator_resets_it_and_the_user_is_signed_out(ann, codes):
    token = second(code_of(ann)).session_token
    two_factor.reset(ann.id, by=OPERATOR)
    assert login_sessions.find(token) is None
    assert isinstance(first_step(), SignedIn)
    with pytest.raises(NotFound):
        two_factor.reset(ann.id, by=OPERATOR)


def test_nobody_resets_it_who_may_not_manage_users_or_holds_less(ann, codes):
    manager = make_user(roles=["admin"])
    assert outcome(two_factor.reset, ann.id, by=actor_of(make_user(roles=["reviewer"]))) == "Forbidden"
    assert outcome(two_factor.reset, ann.id, by=actor_of(ann)) == "Forbidden"
    User._get_collection().update_one({"_id": ann.id}, {"$set": {"permissions": ["usage.write"]}})
    assert outcome(two_factor.reset, ann.id, by=actor_of(manager)) == "Forbidden"
    assert users.get(ann.id).has_two_factor


def test_another_app_takes_the_place_of_the_one_so_far(ann, codes, hand):
    setup, old = two_factor.begin(ann), code_of(ann)
    new = TOTP(two_factor.secret_of(setup, ann)).at(clock.now())
    given = {"setup": setup, "by": actor_of(ann)}
    for code, present, field in (("000000", old, "code"), (new, "000000", "present")):
        with pytest.raises(WrongCode) as refused:
            two_factor.replace_app(ann.id, code=code, present=present, **given)
        assert [*refused.value.errors] == [field]
    two_factor.replace_app(ann.id, code=new, present=old, **given)
    hand.shift(STEP)
    assert outcome(second, code_of(ann)) == "done"
    assert outcome(second, codes[0]) == "done", "recovery codes stay"
    assert AuditEvent.objects(action="user.replace_two_factor_app").count() == 1
    two_factor.reset(ann.id, by=OPERATOR)
    assert outcome(two_factor.replace_app, ann.id, code=new, present=old, **given) == "NotFound"


# --- who must have it -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("required", "roles", "missing"), [(True, ["support"], True), (True, [], False), (False, ["admin"], False)]
)
def test_it_is_missing_where_the_setting_asks_it_of_those_with_permissions(app, monkeypatch, required, roles, missing):
    monkeypatch.setitem(app.config, "REQUIRE_TWO_FACTOR", required)
    user = make_user(password=PASSWORD, roles=roles)
    assert two_factor.is_missing(user) is missing
    turn_on(user)
    assert not two_factor.is_missing(users.get(user.id))


def test_where_it_is_required_it_stays_on(app, monkeypatch, hand):
    monkeypatch.setitem(app.config, "REQUIRE_TWO_FACTOR", True)
    user = make_user(password=PASSWORD, roles=["support"])
    codes = turn_on(user)
    with pytest.raises(TwoFactorNeeded):
        two_factor.turn_off(user.id, code=codes[0], by=actor_of(user))


def test_recovery_codes_are_digits_for_a_number_pad():
    assert all(len(code) == 23 and code.replace("-", "").isdigit() for code in two_factor_codes.new_recovery_codes())
