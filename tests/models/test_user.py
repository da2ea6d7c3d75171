"""What a user's document answers by itself."""

import pytest

from app.models.permission import ROLES, Permission
from app.models.user import User


@pytest.mark.parametrize(
    ("name", "email", "display_name", "initials"),
    [
        ("Ada Lovelace", "ada@example.com", "Ada Lovelace", "AL"),
        ("", "ada.lovelace@example.com", "ada.lovelace", "AL"),
        ("Ada", "ada@example.com", "Ada", "A"),
        ("Юлия Мария Жук", "ann@example.com", "Юлия Мария Жук", "ЮЖ"),
        ("???", "q@example.com", "???", "?"),
    ],
)
def test_a_user_without_a_name_is_called_by_the_email(name, email, display_name, initials):
    user = User(name=name, email=email)
    assert (user.display_name, user.initials) == (display_name, initials)


def test_only_an_active_user_whom_the_allowlist_names_has_a_permission():
    reviewer = User(permissions=["requests.review"])
    assert reviewer.has(Permission.REQUESTS_REVIEW)
    assert reviewer.has_any_permission
    assert not reviewer.has(Permission.USERS_MANAGE)
    assert not User(permissions=["requests.review"], active=False).has(Permission.REQUESTS_REVIEW)
    reviewer.may_hold_permissions = False
    assert not reviewer.has(Permission.REQUESTS_REVIEW)
    assert not reviewer.has_any_permission


def test_no_role_lets_a_person_write_usage_or_sign_others_in():
    given = {permission for permissions in ROLES.values() for permission in permissions}
    assert set(Permission) - given == {Permission.USAGE_WRITE, Permission.USERS_SIGN_IN}
