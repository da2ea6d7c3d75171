"""Who may sign in, how often anybody may try, and what a known device is for."""

import pytest
from argon2 import PasswordHasher
from mongoengine.connection import get_db

from app.models.domain_error import BadCredentials, TooManyAttempts, UserInactive
from app.models.user import User
from app.services import login_sessions, passwords, user_changes
from app.services.sign_in import sign_in
from tests.factories import OPERATOR, PASSWORD, make_user

EMAIL = "ann@example.com"
HERE = "192.0.2.1"
WRONG = "wrong password"


@pytest.fixture
def ann():
    return make_user(EMAIL, password=PASSWORD)


def attempt(password=WRONG, email=EMAIL, address=HERE, device=None):
    """What comes of one attempt: the name of the refusal, or "in"."""
    try:
        sign_in(email, password, address=address, device=device)
    except (BadCredentials, TooManyAttempts, UserInactive) as refusal:
        return type(refusal).__name__
    return "in"


@pytest.fixture
def fast_hashing(monkeypatch):
    """Passwords at the least cost, where many are checked."""
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    passwords._nobody.cache_clear()
    yield
    passwords._nobody.cache_clear()


def test_the_right_password_starts_a_session(ann):
    signed_in = sign_in(EMAIL, PASSWORD, address=HERE, user_agent="Firefox")
    login_session, user = login_sessions.find(signed_in.session_token)
    assert user.id == ann.id
    assert (login_session.address, login_session.user_agent) == (HERE, "Firefox")


@pytest.mark.parametrize("spelling", ["ANN@example.com", "  ann@EXAMPLE.com ", "Ann@Example.Com"])
def test_an_email_may_be_spelt_in_any_case(ann, spelling):
    assert attempt(PASSWORD, email=spelling) == "in"


@pytest.mark.parametrize(
    "password", ["", " ", "wrong password", PASSWORD + " ", PASSWORD.upper(), "\0", "x" * 100_000, "\ud800"]
)
def test_any_other_password_is_refused(ann, password):
    assert attempt(password) == "BadCredentials"


@pytest.mark.parametrize(
    "email", ["", "nobody@example.com", "no e-mail", "ann@example.com\0", "x" * 100_000, "\ud800@example.com", "$ne"]
)
def test_an_unknown_email_gets_the_same_answer(ann, email):
    assert attempt(PASSWORD, email=email) == "BadCredentials"


def test_an_unknown_email_costs_the_same_work(ann, monkeypatch):
    checked = []
    real = passwords.HASHER
    monkeypatch.setattr(
        passwords,
        "HASHER",
        type(
            "Counting",
            (),
            {
                "hash": real.hash,
                "verify": lambda _, stored, tried: checked.append(stored[:31]) or real.verify(stored, tried),
            },
        )(),
    )
    for email in (EMAIL, "nobody@example.com", "no e-mail"):
        attempt(email=email)
    assert checked == ["$argon2id$v=19$m=19456,t=2,p=1$"] * 3


def test_a_user_without_a_password_cannot_sign_in_with_one():
    make_user("keyless@example.com")
    assert attempt("the password of nobody", email="keyless@example.com") == "BadCredentials"


def test_only_the_right_password_learns_that_a_user_is_inactive(ann):
    user_changes.deactivate(ann.id, by=OPERATOR)
    assert attempt(PASSWORD) == "UserInactive"
    assert attempt() == "BadCredentials"
    assert get_db().login_sessions.count_documents({}) == 0


def test_ten_attempts_in_five_minutes_are_all_that_an_address_has(ann):
    assert [attempt(email=f"user{i}@example.com") for i in range(10)] == ["BadCredentials"] * 10
    assert attempt(PASSWORD) == "TooManyAttempts"
    assert attempt(PASSWORD, address="192.0.2.2") == "in"


def test_an_address_of_the_same_ipv6_network_counts_as_the_same(ann, fast_hashing):
    assert [attempt(address=f"2001:db8::{i:x}") for i in range(10)] == ["BadCredentials"] * 10
    assert attempt(address="2001:db8::ffff") == "TooManyAttempts"
    assert attempt(address="2001:db8:0:1::1") == "BadCredentials"


def let_pass(seconds):
    """Limits are counted by the database's clock, so it is their rows that get older."""
    older = {"$subtract": ["$expireAt", seconds * 1_000]}
    get_db().rate_limit_windows.update_many({}, [{"$set": {"expireAt": older}}])


def test_what_an_address_may_try_comes_back_after_five_minutes(ann):
    for _ in range(10):
        attempt()
    with pytest.raises(TooManyAttempts) as refused:
        sign_in(EMAIL, PASSWORD, address=HERE)
    assert 0 < refused.value.values["retry_after"] <= 600
    let_pass(290)
    assert attempt(PASSWORD) == "TooManyAttempts"
    let_pass(45)
    assert attempt(PASSWORD) == "in"


@pytest.mark.parametrize("email", [EMAIL, "nobody@example.com"])
def test_fifty_attempts_an_hour_are_all_that_unknown_browsers_have_on_an_account(ann, fast_hashing, email):
    outcomes = [attempt(email=email, address=f"198.51.100.{i}") for i in range(51)]
    assert outcomes == ["BadCredentials"] * 50 + ["TooManyAttempts"]


def test_other_spellings_of_an_email_have_no_limit_of_their_own(ann, fast_hashing):
    spellings = [EMAIL, "ANN@example.com", "ann@EXAMPLE.com", " ann@example.com"]
    for i in range(50):
        attempt(email=spellings[i % 4], address=f"198.51.100.{i}")
    assert attempt(address="203.0.113.1") == "TooManyAttempts"


def test_the_right_password_passes_on_a_known_device_whatever_was_tried(ann, fast_hashing):
    device = sign_in(EMAIL, PASSWORD, address=HERE).device
    for i in range(60):
        attempt(address=f"198.51.100.{i % 250}")
    for _ in range(12):
        attempt()
    assert attempt(PASSWORD) == "TooManyAttempts"
    assert attempt(PASSWORD, device="another browser") == "TooManyAttempts"
    assert attempt("wrong password", device=device) == "TooManyAttempts"
    assert attempt(PASSWORD, device=device) == "in"


def test_a_device_of_one_account_is_unknown_to_another(ann, fast_hashing):
    make_user("bob@example.com", password=PASSWORD)
    device = sign_in("bob@example.com", PASSWORD, address="203.0.113.9").device
    for _ in range(10):
        attempt()
    assert attempt(PASSWORD, device=device) == "TooManyAttempts"


def test_a_wrong_password_makes_no_device_known(ann):
    attempt(device="a browser")
    assert User.objects.first().known_devices == []


def test_after_a_new_password_no_browser_is_known(ann, fast_hashing):
    device = sign_in(EMAIL, PASSWORD, address=HERE).device
    user_changes.set_password(ann.id, f"{PASSWORD} anew", by=OPERATOR)
    for _ in range(10):
        attempt()
    assert attempt(PASSWORD, device=device) == "TooManyAttempts"


def test_a_browser_keeps_its_device_and_an_account_remembers_the_last_twenty(ann, fast_hashing):
    devices = [f"browser {i}" for i in range(21)]
    for i, device in enumerate(devices):
        assert sign_in(EMAIL, PASSWORD, address=f"198.51.100.{i}", device=device).device == device
    sign_in(EMAIL, PASSWORD, address=HERE, device=devices[20])
    kept = User.objects.first().known_devices
    assert len(kept) == len(set(kept)) == 20
    assert not any("browser" in text for text in kept)


def test_a_password_of_an_older_cost_is_hashed_anew_at_sign_in(ann):
    old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    User._get_collection().update_one({"_id": ann.id}, {"$set": {"password_hash": old}})
    sign_in(EMAIL, PASSWORD, address=HERE)
    renewed = User.objects.first().password_hash
    assert renewed != old
    assert attempt(PASSWORD) == "in"
    assert User.objects.first().password_hash == renewed


def test_attempts_at_the_same_moment_pass_no_limit(ann, fast_hashing, threads):
    outcomes = threads(lambda _: attempt(), 20)
    assert outcomes.count("BadCredentials") == 10
    assert outcomes.count("TooManyAttempts") == 10
