"""Asking for a token to be listed: the form, what it says while one types, and supporting what somebody else asked for."""

import pytest

from app.models.support import Support
from app.models.token_request import ListingRequest
from app.services import review
from tests.effects import stored
from tests.factories import actor_of, make_admin, make_user, sign_in
from tests.steps import make_listing

USDC = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
TETHER_ON_TRON = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
GOLD = {"token_symbol": "GOLD", "token_name": "Gold Coin", "blockchain": "ethereum"}
NEW = "/requests/new?kind=listing"


@pytest.fixture
def ada(client):
    ada = make_user("ada@example.com", name="Ada")
    sign_in(client, ada)
    return ada


def test_a_filled_in_form_becomes_a_request_that_shows_all_of_it(client, ada):
    form = {
        **GOLD,
        "contract_address": f"  {USDC.lower()} ",
        "decimals": "6",
        "reason": "Everybody uses it.",
        "additional_info": "website: https://example.com\n\n $where : a: b",
    }
    sent = client.post(NEW, data=form)
    assert sent.status_code == 303
    made = ListingRequest.objects.get()
    assert made.additional_info == {"website": "https://example.com", "$where": "a: b"}
    page = client.get(sent.location).text
    for shown in ("GOLD", "Gold Coin", "Ethereum", USDC, "https://etherscan.io/token/", "Everybody uses it.", "$where"):
        assert shown in page, shown


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"token_symbol": ""}, "Enter the symbol."),
        ({"token_name": ""}, "Enter the name."),
        ({"blockchain": ""}, "Choose the blockchain."),
        ({"decimals": "１８"}, "Enter a whole number from 0 to 255."),
        ({"decimals": "256"}, "Must be a whole number from 0 to 255."),
        ({"contract_address": TETHER_ON_TRON}, "This looks like an address on Tron."),
        ({"contract_address": USDC[:-1] + "9"}, "checksum"),
        ({"additional_info": "https://example.com"}, "Begin each line with a name and a colon"),
        ({"additional_info": "no pair"}, "Begin each line with a name and a colon"),
        ({"additional_info": "a: b\na: c"}, "Use each name once."),
        ({"additional_info": "x" * 20_000}, "Please write less."),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_what_was_written_stays(client, ada, given, said):
    page = client.post(NEW, data={**GOLD, "reason": "Keep this.", **given})
    assert page.status_code == 400
    assert said in page.text
    assert "Keep this." in page.text
    assert ListingRequest.objects.count() == 0


def test_a_token_that_somebody_asked_for_can_be_supported_instead(client, ada):
    other = make_listing(make_user("olga@example.com", name="Olga"), contract_address=USDC)
    page = client.post(NEW, data={**GOLD, "contract_address": USDC})
    assert page.status_code == 409
    assert f"Support request #{other.number}" in page.text
    assert "Olga" not in page.text
    assert "olga@" not in page.text
    done = client.post(f"/requests/{other.number}/support", follow_redirects=True)
    assert f"You support request #{other.number}, and will hear of the decision. It has 1 supporter." in done.text
    assert Support.objects(user=ada.id).count() == 1


def test_what_cannot_be_supported_is_said_and_changes_nothing(client, ada):
    mine, decided = make_listing(ada), make_listing()
    review.reject(decided, by=actor_of(make_admin(name="Rita")))
    said = client.post(f"/requests/{mine.number}/support", follow_redirects=True).text
    assert "This is your own request" in said
    said = client.post(f"/requests/{decided.number}/support", follow_redirects=True).text
    assert f"Request #{decided.number} is decided already." in said
    assert "Rita" not in said
    assert client.post("/requests/999/support").status_code == 404
    assert Support.objects.count() == 0


def test_ones_own_and_a_listed_one_lead_to_where_they_are(client, ada):
    mine = make_listing(ada, contract_address=USDC)
    page = client.post(NEW, data={**GOLD, "token_name": "Other", "contract_address": USDC})
    assert (page.status_code, f'href="/requests/{mine.number}"' in page.text) == (409, True)
    # The very same once more, from a second tab, is no refusal.
    again = client.post(NEW, data={**GOLD, "contract_address": USDC, "decimals": "18"})
    assert (again.status_code, again.location) == (303, f"/requests/{mine.number}")
    review.approve(mine, by=actor_of(make_admin()))
    page = client.post(NEW, data={**GOLD, "contract_address": USDC})
    assert (page.status_code, f'href="/catalogue/{mine.number}"' in page.text) == (409, True)


def test_a_form_that_is_sent_twice_is_one_request_however_it_is_written(client, ada):
    form = {**GOLD, "token_symbol": " GOLD ", "contract_address": f" {USDC.lower()}", "reason": " Why not? "}
    first, second = (client.post(NEW, data=form) for _ in range(2))
    assert (second.status_code, second.location) == (303, first.location)
    assert ListingRequest.objects.count() == 1


def test_a_sixth_one_in_a_day_is_told_when_again_and_keeps_its_words(client, ada):
    for _ in range(5):
        make_listing(ada)
    page = client.post(NEW, data={**GOLD, "reason": "Keep this.", "additional_info": "website: https://example.com"})
    assert page.status_code == 429
    assert "You sent 5 of 5 requests today." in page.text
    for kept in ("Keep this.", ">website: https://example.com<", ">Blockchain<"):
        assert kept in page.text, kept


def test_the_button_of_the_hint_is_none_of_the_forms_own_which_enter_would_press(client, ada):
    other = make_listing(token_symbol="<b>GOLD</b>", contract_address=USDC)
    hint = client.get("/requests/listing-hint", query_string={"blockchain": "ethereum", "contract_address": USDC})
    assert f'form="support" formaction="/requests/{other.number}/support"' in hint.json["html"]
    assert "<b>GOLD" not in hint.json["html"]
    mine = make_listing(ada)
    for page in (NEW, f"/requests/{mine.number}/edit"):
        assert '<form id="support" method="post">' in client.get(page).text


def test_the_owner_changes_it_while_it_is_pending(client, ada):
    mine = make_listing(ada, additional_info={"website": "https://example.com"})
    form = client.get(f"/requests/{mine.number}/edit")
    assert "website: https://example.com" in form.text
    changed = client.post(
        f"/requests/{mine.number}/edit", data={**GOLD, "token_symbol": "SLVR", "version": "1", "decimals": ""}
    )
    assert (changed.status_code, stored(mine)["token_symbol"], stored(mine).get("decimals")) == (303, "SLVR", None)
    # What a program gave in several lines is one in the form.
    other = make_listing(ada, additional_info={"socials": "one: 1\ntwo: 2"})
    assert ">\nsocials: one: 1 two: 2</textarea>" in client.get(f"/requests/{other.number}/edit").text.replace("\r", "")
    make_listing(contract_address=USDC)
    refused = client.post(f"/requests/{mine.number}/edit", data={**GOLD, "contract_address": USDC, "version": "2"})
    assert refused.status_code == 409
    assert "Somebody has asked for this token already" in refused.text


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"blockchain": "", "contract_address": TETHER_ON_TRON}, "This looks like an address on Tron."),
        ({"blockchain": "ethereum", "contract_address": TETHER_ON_TRON}, "This looks like an address on Tron."),
        ({"blockchain": "ethereum", "contract_address": USDC.lower()}, "Somebody has asked for this token already"),
        ({"blockchain": "base", "contract_address": USDC}, ""),
        ({"blockchain": "ethereum", "contract_address": "gold"}, ""),
        ({"blockchain": "$ne", "contract_address": "1" * 5_000}, ""),
        ({}, ""),
    ],
)
def test_the_hint_says_what_an_address_looks_like_and_whether_it_is_taken(client, ada, asked, said):
    make_listing(contract_address=USDC)
    hint = client.get("/requests/listing-hint", query_string=asked).json["html"]
    assert said in hint if said else hint == ""


def test_it_is_reached_from_the_navigation_the_catalogue_and_the_requests(client, ada):
    assert 'href="/catalogue"' in client.get("/account").text
    for page in ("/catalogue", "/requests", "/requests/new"):
        assert 'href="/requests/new?kind=listing"' in client.get(page).text, page
