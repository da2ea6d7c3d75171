"""Whoever asks about quotas through the API, and whom they ask about."""

import pytest

from app.services import token_accounts
from tests.factories import OPERATOR, make_admin, make_user, sign_in


@pytest.fixture
def admin():
    return make_admin(name="Bob")


@pytest.fixture
def client(client, admin):
    return sign_in(client, admin)


@pytest.fixture
def ada():
    """She has used 67,500 of her allowance."""
    user = make_user("ada@example.com", name="Ada")
    token_accounts.spend(user.id, 67_500, by=OPERATOR, description="gpt-4o")
    return user
