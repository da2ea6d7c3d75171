"""Searching for users: what is found by its beginning, in which order, and that everything else is harmless."""

from itertools import product

import pytest
from bson import ObjectId

from app.models.search_words import searchable
from app.models.user import User, search_terms
from app.services import user_list, users
from app.services.user_list import Filters
from tests.factories import OPERATOR


@pytest.fixture
def ann():
    return made("ann.lee@example.com", "Anna-Maria Lee", phone="+79991234567", external_id="CRM-17")


def made(email, name="", **values):
    """A user as the host product makes them."""
    return users.insert(User(id=ObjectId(), email=email, name=name, tier="free", **values), None, by=OPERATOR)


def everybody():
    return Filters(user_list.tiers())


def found(text, filters=None, **options):
    return [user.id for user in user_list.search(text, filters or everybody(), **options).users]


FINDS = [
    *("a", "ann", "ANNA", "anna-m", "maria", "Lee", "anna-maria lee", "anna-maria  LE", " lee "),
    *("ann.lee@", "ann.lee@example.com", "Ann.Lee@EXAMPLE.com", "lee"),
    *("7999", "+7 999", "+7 (999) 123-45-67", "79991234567", "7-999"),
    *("crm", "CRM-17", "crm-1", "\uff21nna", "anna\u00a0", "anna-maria\u3000lee"),
]


@pytest.mark.parametrize("text", FINDS)
def test_a_user_is_found_by_the_beginning_of_what_they_are_known_by(ann, text):
    made("bob@example.net", "Боб")
    assert found(text) == [ann.id]


FINDS_NOBODY = [
    *(
        "",
        " ",
        "nna",
        "xample.com",
        "9991",
        "17",
        "x" * 101,
        "a" * 100_000,
        "\0",
        "ann\0",
        "\ud800",
        "a\nb\0",
        "\u200b",
    ),
    *(".*", "a.*", "^a", "a|b", "[a]", "(a", "a{", "\\", "\\a", "\\Qann", "ann\\E", "$", "a$", "a*", "?", "%61", "a\\"),
    *("{'$ne': 1}", "$where", "null", "None", "True", "+", "+-", "()"),
]


@pytest.mark.parametrize("text", FINDS_NOBODY, ids=repr)
def test_everything_is_read_literally(ann, text):
    assert found(text) == []


def test_signs_are_found_as_signs():
    star = made("star@example.com", "*.* (test) [x] \\d+ a|b ^$")
    for text in ("*.*", "*.* (te", "\\d+", "a|b", "^$", "[x]"):
        assert found(text) == [star.id], text


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("Ольга Ёлкина", ["ольга", "ОЛЬГА", "ёлк", "Ёлкина", "ольга ёлк"]),
        ("Łukasz O’Brien", ["łuk", "brien", "o’brien", "ŁUKASZ"]),
        ("José Ångström", ["jose\u0301", "ångs", "A\u030angström"]),
        ("王小明", ["王", "王小"]),
        ("देवनागरी लिपि", ["देव", "लिपि"]),
    ],
)
def test_names_of_any_script_are_found(name, texts):
    user = made("somebody@example.com", name)
    for text in texts:
        assert found(text) == [user.id], text


def test_the_newest_come_first_and_an_exact_match_before_them():
    exact = made("an@example.com", "Older", external_id="an")
    newer = [made(f"an{n}@example.com").id for n in range(3)]
    assert found("an") == [exact.id, *newer[::-1]]
    assert found("an@example.com") == [exact.id]
    assert found(str(newer[0])) == [newer[0]]


def test_an_external_id_is_exact_in_its_own_letters():
    upper, lower = made("u@example.com", external_id="Ab"), made("l@example.com", external_id="ab")
    assert found("Ab")[0] == upper.id
    assert found("ab")[0] == lower.id


def test_more_than_are_shown_are_said():
    for n in range(5):
        made(f"many{n}@example.com")
    assert user_list.search("many", everybody(), limit=5).more is False
    few = user_list.search("many", everybody(), limit=4)
    assert (len(few.users), few.more) == (4, True)


def test_only_so_many_candidates_are_looked_at(monkeypatch):
    for n in range(6):
        made(f"many{n}@example.com")
    exact = made("many9@example.com", external_id="many")
    monkeypatch.setattr(user_list, "MOST_CANDIDATES", 3)
    result = user_list.search("many", everybody(), limit=2)
    assert (result.users[0].id, len(result.users), result.more) == (exact.id, 2, True)


def test_filters_narrow_the_exact_match_too(ann):
    User.objects(id=ann.id).update(active=False)
    assert found("CRM-17", Filters(["free"], active=[True])) == []
    assert found("CRM-17", Filters(["pro"])) == []
    assert found("CRM-17", Filters(["free"], active=[False])) == [ann.id]


# --- what is kept -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"email": "ann@example.com"}, {"ann@example.com", "ann"}),
        ({"email": "a@b.io", "name": "Ann Lee"}, {"a@b.io", "a", "ann lee", "ann", "lee"}),
        ({"email": "a@b.io", "phone": "+7999"}, {"a@b.io", "a", "7999"}),
        ({"email": "a@b.io", "external_id": "CRM-1"}, {"a@b.io", "a", "crm-1"}),
        ({"email": "x.y_z+q@b.io"}, {"x.y_z+q@b.io", "x", "y", "z", "q"}),
        ({"email": "a@b.io", "name": "Anna-M. Lee"}, {"a@b.io", "a", "anna-m. lee", "anna-m.", "anna", "m", "lee"}),
    ],
)
def test_what_a_user_is_found_by(values, expected):
    assert search_terms(**values) == sorted(expected)


def test_one_spelling_is_one_spelling_again():
    for text in ("Straße", "İstanbul", "ﬁne", "Ａ", "  a  b ", "Ǆ", "Σίσυφος"):
        assert searchable(searchable(text)) == searchable(text)


# --- what it costs ----------------------------------------------------------------------------------------------------


@pytest.fixture
def crowd():
    """Enough users of every sort that a plan that reads too much shows."""
    sorts = list(product(("free", "pro", "prepaid", "gold"), (True, False), (True, False)))
    rows = []
    for number in range(3_200):
        tier, active, out = sorts[number % len(sorts)]
        email = f"user{number}@example.com"
        rows.append(
            User(
                id=ObjectId(),
                email=email,
                tier=tier,
                active=active,
                out_of_tokens=out,
                search=search_terms(email=email),
            ).to_mongo()
        )
    User._get_collection().insert_many(rows)
    return [row["_id"] for row in rows]


CHOICES = list(product((None, "pro"), ((False, True), (True,), (False,)), ((False, True), (True,))))


@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_no_page_of_the_list_reads_more_than_it_shows(crowd, place):
    before = {"first": None, "middle": crowd[1_600], "last": crowd[40]}[place]
    for tier, active, out in CHOICES:
        filters = Filters([tier] if tier else user_list.tiers(), active, out)
        stats = user_list.listed(filters, before).limit(51).explain()["executionStats"]
        assert stats["nReturned"] > 0
        assert stats["totalDocsExamined"] <= stats["nReturned"]
        # One key more for each of the 16 sorts of users there are, whose lists are merged.
        assert stats["totalKeysExamined"] <= stats["nReturned"] + 2 * 16


def test_no_search_reads_more_than_it_finds(crowd):
    for tier, active, out in CHOICES:
        filters = Filters([tier] if tier else user_list.tiers(), active, out)
        for beginning in ("user", "user1", "user12", "nobody"):
            stats = user_list.candidates(beginning, filters).explain()["executionStats"]
            assert stats["totalDocsExamined"] == 0
            # Each user is found by two of their words.
            assert stats["totalKeysExamined"] <= 2 * stats["nReturned"] + 2 * 16


def test_the_tiers_are_read_from_the_index(crowd):
    database = User._get_collection().database
    plan = database.command("explain", {"distinct": "users", "key": "tier"}, verbosity="executionStats")
    assert plan["executionStats"]["totalKeysExamined"] <= 5
    assert user_list.tiers() == ["free", "pro", "prepaid", "gold"]
