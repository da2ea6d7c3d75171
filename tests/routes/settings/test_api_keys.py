"""The page of a user's API keys, as a browser uses it."""

import re
from datetime import timedelta

import pytest
import time_machine
from mongoengine.connection import get_db

from app import clock
from app.models.api_key import SCOPES, ApiKey
from app.services import api_keys, user_changes
from tests.factories import OPERATOR, actor_of, make_admin, make_user, sign_in
from tests.page_client import text_of

URL = "/settings/api-keys"
SECRET = re.compile(r"tdk_[A-Za-z0-9_-]{43}")


@pytest.fixture
def ann():
    return make_user()


@pytest.fixture
def client(client, ann):
    return sign_in(client, ann)


def form_key(client):
    return re.search(r'name="key" value="([0-9a-f]{32})"', client.get(URL).text)[1]


def send(client, key=None, **options):
    form = {"name": "The nightly job", "scopes": ["self"], "lifetime": "90"} | options.pop("form", {})
    return client.post(URL, data={"key": key or form_key(client), **form}, **options)


def make(owner, name="A program", **values):
    return api_keys.create(owner.id, name=name, scopes=["self"], by=actor_of(owner), **values)[0]


# --- the list ---------------------------------------------------------------------------------------------------------


def test_an_empty_list_says_what_to_do(client):
    assert "No keys yet" in text_of(client.get(URL))


def test_the_list_shows_ones_own_keys_with_all_that_is_known_of_them(client, ann):
    make(make_user(), "Somebody else's")
    used = make(ann, "In use")
    ApiKey.objects(id=used.id).update(last_used_at=clock.now() - timedelta(hours=3))
    api_keys.revoke(make(ann, "Gone").id, by=actor_of(ann))
    make(ann, "Short", expires_at=clock.now() + timedelta(days=1))
    with time_machine.travel(clock.now() + timedelta(days=1)):
        sign_in(client, ann)
        page = client.get(URL)
    text = text_of(page)
    assert text.index("Short") < text.index("Gone") < text.index("In use")
    assert "Somebody else" not in text
    for said in (used.prefix + "…", "Active", "Expired", "Revoked", "self", "1 day ago", "Never"):
        assert said in text
    assert page.text.count('action="/settings/api-keys/') == 1
    assert used.digest not in page.text


def test_older_keys_stand_on_pages_of_their_own(client, ann):
    for n in range(51):
        make(ann, f"Key {n}")
    first = client.get(URL)
    second = client.get(re.search(r'rel="next" href="([^"]+)"', first.text)[1])
    assert [page.text.count('class="key-name"') for page in (first, second)] == [50, 1]
    assert client.get(f"{URL}?before=x").status_code == 400


def test_the_menu_leads_there(client):
    assert '<a class="user-menu-item" href="/settings">' in client.get("/account").text
    assert '<a href="/settings/api-keys" >' in client.get("/settings").text


def test_where_there_is_nothing_to_choose_it_is_chosen_already(client):
    boxes = re.compile(r'type="checkbox"[^>]*checked')
    assert len(boxes.findall(client.get(URL).text)) == 1
    assert boxes.findall(send(client, form={"scopes": []}).text) == []
    sign_in(client, make_admin())
    assert boxes.findall(client.get(URL).text) == []


@pytest.mark.parametrize("roles", [[], ["reviewer"], ["admin"]])
def test_the_form_offers_what_the_user_may_give_each_with_a_sentence(client, roles):
    user = make_user(roles=roles)
    sign_in(client, user)
    page = client.get(URL).text
    offered = re.findall(r'type="checkbox" name="scopes" id="scopes-\d+" value="([^"]+)"', page)
    assert offered == api_keys.offered(user)
    sentences = re.findall(r"<code>([a-z_.]+)</code> <span>([^<]+)</span>", page)
    assert [scope for scope, sentence in sentences if sentence.strip().endswith(".")] == offered


def test_every_scope_has_a_sentence(app, client):
    macro = app.jinja_env.get_template("components/api_keys.html")
    with app.test_request_context():
        sentences = {str(macro.make_module({"_": lambda text: text}).scope_text(scope)).strip() for scope in SCOPES}
    assert len(sentences) == len(SCOPES)
    assert not sentences & {*SCOPES}


# --- making one -------------------------------------------------------------------------------------------------------


def test_the_secret_is_shown_once_on_the_answer_itself(client, ann):
    page = send(client)
    assert page.status_code == 201
    (secret,) = set(SECRET.findall(page.text))
    api_key, owner = api_keys.find(secret)
    assert (owner.id, api_key.name, api_key.scopes) == (ann.id, "The nightly job", ["self"])
    assert timedelta(days=89) < api_key.expires_at - clock.now() <= timedelta(days=90)
    assert "Copy your key now" in text_of(page)
    assert SECRET.search(client.get(URL).text) is None


def test_with_an_address_that_is_not_confirmed_the_page_sends_the_link_again(app, client, ann, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_SERVER", "mail.example.com")
    ann.update(email_confirmed=False)
    page = send(client)
    assert page.status_code == 403
    assert "Confirm your e-mail address first." in text_of(page)
    assert 'action="/confirm-email"' in page.text


def test_the_secret_is_kept_by_no_cache_and_no_cookie(client):
    page = send(client)
    secret = SECRET.search(page.text)[0]
    assert page.headers["Cache-Control"] == "no-store"
    assert "Location" not in page.headers
    with client.session_transaction() as session:
        assert secret not in str(dict(session))


def test_loading_the_answer_again_makes_no_second_key_and_says_so(client):
    key = form_key(client)
    assert send(client, key).status_code == 201
    again = send(client, key)
    assert (again.status_code, again.location) == (303, URL)
    page = text_of(client.get(URL))
    assert "This form has made a key already." in page
    assert SECRET.search(page) is None
    assert ApiKey.objects.count() == 1


def test_a_form_sent_by_twenty_clicks_makes_one_key(app, client, ann, threads):
    key, clients = form_key(client), [sign_in(app.test_client(), ann) for _ in range(20)]
    statuses = threads(lambda i: send(clients[i], key).status_code, 20)
    assert sorted(statuses) == [201] + [303] * 19
    assert ApiKey.objects.count() == 1


def test_two_forms_are_two_keys(client):
    assert [send(client).status_code for _ in range(2)] == [201, 201]
    assert ApiKey.objects.count() == 2


@pytest.mark.parametrize(("lifetime", "days"), [("30", 30), ("90", 90), ("365", 365), ("never", None)])
def test_the_end_is_chosen(client, lifetime, days):
    send(client, form={"lifetime": lifetime})
    expires_at = ApiKey.objects.get().expires_at
    assert (round((expires_at - clock.now()) / timedelta(days=1)) if expires_at else None) == days


def test_several_scopes_can_be_chosen(client):
    sign_in(client, make_admin())
    assert send(client, form={"scopes": ["usage.write", "self"]}).status_code == 201
    assert ApiKey.objects.get().scopes == ["self", "usage.write"]


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"name": ""}, "Give it a name."),
        ({"name": "   "}, "Give it a name."),
        ({"name": "x" * 101}, "Please write at most 100 characters."),
        ({"name": "bell\x07"}, "Contains characters that are not text."),
        ({"name": "two\nlines"}, "Must be one line."),
        ({"scopes": []}, "Choose at least one."),
        ({"scopes": ["everything"]}, "There is no such scope."),
        ({"scopes": ["self", "{'$ne': 1}"]}, "There is no such scope."),
        ({"lifetime": "1"}, "Not a valid choice."),
        ({"lifetime": "99999999999"}, "Not a valid choice."),
        ({"lifetime": ""}, "This field is required."),
    ],
)
def test_what_is_wrong_is_said_and_what_was_written_stays(client, form, said):
    page = send(client, form={"name": "My <own> program", **form})
    assert page.status_code == 400
    assert said in text_of(page)
    if "name" not in form:
        assert 'value="My &lt;own&gt; program"' in page.text
    assert ApiKey.objects.count() == 0


@pytest.mark.parametrize("scope", ["usage.write", "users.read"])
def test_a_scope_that_was_not_offered_is_refused_with_the_reason(client, scope):
    page = send(client, form={"scopes": ["self", scope]})
    assert page.status_code == 403
    assert scope in text_of(page)
    assert 'role="alert"' in page.text
    assert ApiKey.objects.count() == 0


@pytest.mark.parametrize("key", ["", "x" * 65])
def test_a_form_without_its_own_key_is_refused(client, key):
    response = client.post(URL, data={"name": "x", "scopes": "self", "lifetime": "30", "key": key})
    assert response.status_code == 400
    assert ApiKey.objects.count() == 0


# --- revoking one -----------------------------------------------------------------------------------------------------


def test_revoking_asks_first_and_ends_the_key(client, ann):
    api_key = make(ann)
    page = client.get(URL)
    url = f"{URL}/{api_key.id}/revoke"
    assert f'action="{url}"' in page.text
    assert "Every program that uses this key stops working at once." in text_of(page)
    response = client.post(url)
    assert (response.status_code, response.location) == (303, URL)
    assert "The API key “A program” is revoked." in text_of(client.get(URL))
    assert api_keys.get(api_key.id).state == "revoked"
    assert client.post(url).status_code == 303


def test_nobody_revokes_the_key_of_somebody_else(client):
    make_admin()
    theirs = make(make_user())
    sign_in(client, make_admin())
    assert client.post(f"{URL}/{theirs.id}/revoke").status_code == 404
    assert api_keys.get(theirs.id).state == "active"


@pytest.mark.parametrize("key_id", ["x", "$ne", "0" * 24, "f" * 25, "abcdefghijkl", "%00", "%F0%9F", "1"])
def test_what_is_no_key_is_not_found(client, key_id):
    assert client.post(f"{URL}/{key_id}/revoke").status_code == 404


# --- who may ----------------------------------------------------------------------------------------------------------


def test_a_form_without_its_token_is_refused(client, ann):
    api_key = make(ann)
    assert send(client, csrf=False).status_code == 400
    assert client.post(f"{URL}/{api_key.id}/revoke", csrf=False).status_code == 400
    assert client.get(f"{URL}/{api_key.id}/revoke").status_code == 405
    assert get_db().api_keys.count_documents({"revoked_at": None}) == 1


def test_a_stranger_is_asked_to_sign_in(app, ann):
    stranger = app.test_client()
    assert stranger.get(URL).location == "/sign-in?next=/settings/api-keys"
    assert stranger.post(URL, data={"name": "x", "scopes": "self", "lifetime": "30", "key": "x"}).status_code == 303
    assert stranger.post(f"{URL}/{make(ann).id}/revoke").status_code == 303
    assert ApiKey.objects.get().state == "active"


def test_a_key_opens_the_page_for_nobody(app, ann):
    _, secret = api_keys.create(ann.id, name="x", scopes=["self"], by=OPERATOR)
    headers = {"Authorization": f"Bearer {secret}"}
    response = app.test_client().post(
        URL, data={"name": "x", "scopes": "self", "lifetime": "30", "key": "x"}, headers=headers
    )
    assert response.status_code == 303
    assert ApiKey.objects.count() == 1


def test_a_user_whose_role_was_taken_meanwhile_is_signed_out_and_makes_nothing(client):
    make_admin()
    admin = make_admin()
    sign_in(client, admin)
    key = form_key(client)
    user_changes.revoke_role(admin.id, "admin", by=OPERATOR)
    assert send(client, key, form={"scopes": ["usage.write"]}).status_code == 303
    assert ApiKey.objects.count() == 0
