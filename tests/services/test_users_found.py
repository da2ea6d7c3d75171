"""Finding users: as operators and programs name them."""

import pytest
from bson import ObjectId

from app.models.domain_error import NotFound, UserInactive
from app.models.user import User
from app.services import users
from tests.factories import make_user
from tests.registering import outcome, register


class TestFind:
    def test_a_user_is_found_by_id_or_email(self):
        ann = make_user("ann@example.com")
        assert users.find(str(ann.id)).id == users.find("ANN@example.com ").id == users.get(ann.id).id == ann.id
        assert users.by_email("ann@example.com").id == ann.id

    def test_an_operator_names_a_user_as_programs_do_and_by_what_is_not_confirmed(self):
        ann = register("ann@example.com")
        User.objects(id=ann.id).update(external_id="u-17", phone="+79991234567", phone_confirmed=True)
        for reference in ("ann@example.com", "external:u-17", "+7 999 123-45-67", str(ann.id)):
            assert users.find(reference).id == ann.id

    def test_an_id_has_one_spelling(self):
        user_id = ObjectId("ab" * 12)
        User(id=user_id, email="bob@example.com", tier="free").save()
        for find in (users.get, users.find, users.resolve):
            assert find("ab" * 12).id == user_id
            for other in ("AB" * 12, " " + "ab" * 12, "ab" * 12 + "\n", "\uff41b" * 12, "twelve bytes"):
                with pytest.raises(NotFound):
                    find(other)

    @pytest.mark.parametrize(
        "reference", ["", "x", "ff" * 12, "bob@example.com", "@", "\0", "\ud800@example.com", "x" * 100_000]
    )
    def test_anybody_else_is_not_found(self, reference):
        make_user("ann@example.com")
        with pytest.raises(NotFound):
            users.find(reference)

    def test_pages_run_from_the_newest_to_the_oldest(self):
        made = [make_user().id for _ in range(5)]
        first = users.page(limit=2)
        second = users.page(limit=2, before=first[-1].id)
        third = users.page(limit=2, before=second[-1].id)
        assert [user.id for user in first + second + third] == made[::-1]
        assert users.page(before=made[0]) == []


class TestResolve:
    """How programs name a user."""

    @pytest.fixture
    def ann(self):
        ann = make_user("ann@example.com")
        User.objects(id=ann.id).update(external_id="u-17", phone="+79991234567", phone_confirmed=True)
        return ann

    @pytest.mark.parametrize(
        "reference",
        [
            *("ann@example.com", " ANN@Example.com", "external:u-17"),
            *("+79991234567", "79991234567", "+7 999 123-45-67", "7 (999) 123.45.67"),
        ],
    )
    def test_a_user_is_found_by_what_is_theirs(self, ann, reference):
        make_user()
        assert users.resolve(reference).id == users.resolve(str(ann.id)).id == ann.id
        assert users.resolve_id(reference) == users.resolve_id(str(ann.id)) == ann.id

    def test_a_deactivated_user_is_found_but_not_metered(self, ann):
        User.objects(id=ann.id).update(active=False)
        assert users.resolve("external:u-17").id == ann.id
        with pytest.raises(UserInactive):
            users.resolve_id("external:u-17")

    def test_what_is_not_confirmed_names_nobody(self, ann):
        User.objects(id=ann.id).update(email_confirmed=False, phone_confirmed=False)
        for reference in ("ann@example.com", "+79991234567"):
            with pytest.raises(NotFound):
                users.resolve(reference)
        assert users.resolve("external:u-17").id == ann.id

    @pytest.mark.parametrize(
        "reference",
        [
            *("", " ", "x", "f" * 24, "F" * 24, "$ne", "{'$ne': 1}", "None", "u-17", "\0", "\ud800", "x" * 100_000),
            *("external:", "external:u-18", "External:u-17", "external: u-17", "external:" + "x" * 129, "external:.*"),
            *("bob@example.com", "@", "ann@example.com\0", "+", "9991234567", "+7999123456", "0" * 16, "+1" * 20),
            *("tel:+79991234567", "+7999123456٧"),
        ],
    )
    def test_anybody_else_is_not_found(self, ann, reference):
        for resolve in (users.resolve, users.resolve_id):
            with pytest.raises(NotFound):
                resolve(reference)

    def test_nobody_is_found_by_a_field_that_they_do_not_have(self):
        make_user()
        for reference in ("external:None", "external:null", "+0000000"):
            with pytest.raises(NotFound):
                users.resolve(reference)

    def test_each_way_is_one_look_up(self, ann, statements):
        for reference in (str(ann.id), "external:u-17", "ann@example.com", "79991234567", "$ne"):
            statements.said.clear()
            outcome(users.resolve, reference)
            outcome(users.resolve_id, reference)
            assert len(statements.said) == (0 if reference == "$ne" else 2)
