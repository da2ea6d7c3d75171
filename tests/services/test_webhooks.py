"""Webhooks: who makes them, what they are told, that it is signed, and that they lead to the public internet only."""

import json
import socket
import threading
import time
from datetime import timedelta
from queue import SimpleQueue

import pytest
import standardwebhooks
import time_machine
from bson import ObjectId

from app import clock
from app.models.audit_event import AuditEvent
from app.models.delivery import Delivery, Kind, State
from app.models.domain_error import AlreadyExists, ChangedByOther, Forbidden, InvalidInput, NotFound
from app.models.webhook import Event, Webhook
from app.services import deliveries, delivery_attempts, outbound, review, webhook_calls, webhooks
from tests.factories import OPERATOR, actor_of, make_admin, make_request, make_user
from tests.webhook_receiver import answering, receiver

EVENTS = [event.value for event in Event]
PUBLIC = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 443))]
LOOPBACK = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 443))]


@pytest.fixture
def private(app, monkeypatch):
    """Lets webhooks lead to loopback, where the tests have theirs."""
    monkeypatch.setitem(app.config, "WEBHOOK_ALLOW_PRIVATE", True)


@pytest.fixture
def there(private):
    with receiver() as there:
        yield there


@pytest.fixture
def hook(there):
    """A webhook of `there`, and its secret."""
    return webhooks.create(url=there.url, events=EVENTS, by=OPERATOR)


def tell(event=Event.TOKENS_LOW, key="first", **data):
    deliveries.send_event(key=key, event=event.value, data=data or {"user": ObjectId("f" * 24)}, at=clock.now())


def work():
    return delivery_attempts.send_waiting(Kind.WEBHOOK, webhook_calls.deliver, seconds=60)


def left():
    (delivery,) = Delivery.objects
    return delivery


# --- what is sent -----------------------------------------------------------------------------------------------------


def test_an_event_is_signed_so_that_the_schemes_own_library_takes_it(hook, there):
    tell()
    assert work() == 1
    headers, body = there.told[0]
    said = standardwebhooks.Webhook(hook[1]).verify(body, headers)
    assert said == {"type": "tokens.low", "timestamp": clock.iso(left().created_at), "data": {"user": "f" * 24}}
    assert headers["webhook-id"] == f"msg_{left().id}"
    assert headers["content-type"] == "application/json"
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(hook[1]).verify(body.replace(b"f", b"e"), headers)
    assert (left().state, left()["values"]) == (State.SENT, {})


def test_each_webhook_hears_of_its_events_once_and_only_while_it_is_on(there):
    low, _ = webhooks.create(url=there.url, events=["tokens.low"], by=OPERATOR)
    webhooks.create(url=there.url, events=["order.paid"], by=OPERATOR)
    off, _ = webhooks.create(url=there.url, events=["tokens.low"], by=OPERATOR)
    webhooks.edit(off, url=off.url, events=off.events, active=False, version=1, by=OPERATOR)
    gone, _ = webhooks.create(url=there.url, events=["tokens.low"], by=OPERATOR)
    webhooks.remove(gone, by=OPERATOR)
    for _ in range(2):
        tell()
    assert [one.webhook for one in Delivery.objects] == [low.id]


def test_what_happens_to_a_request_is_told_in_ids(hook, there):
    request = make_request()
    review.reject(request, response="Not now.", by=actor_of(make_admin()))
    work()
    told = {(said := json.loads(body))["type"]: said["data"] for _headers, body in there.told}
    about = {"request": str(request.id), "number": request.number, "kind": "quota", "user": str(request.user)}
    assert told == {"request.submitted": about, "request.decided": {**about, "status": "rejected"}}


def test_a_test_event_goes_to_the_one_webhook_and_is_signed_as_all_are(hook, there):
    webhooks.create(url=there.url, events=EVENTS, by=OPERATOR)
    webhooks.send_test(hook[0], by=OPERATOR)
    assert work() == 1
    ((headers, body),) = there.told
    said = standardwebhooks.Webhook(hook[1]).verify(body, headers)
    assert (said["type"], said["data"], left().webhook) == ("test", {}, hook[0].id)
    assert [*AuditEvent.objects.scalar("action")][-1] == "webhook.test"
    with pytest.raises(Forbidden):
        webhooks.send_test(hook[0], by=actor_of(make_user()))
    webhooks.remove(hook[0], by=OPERATOR)
    with pytest.raises(ChangedByOther):
        webhooks.send_test(hook[0], by=OPERATOR)


def test_a_repeat_has_the_same_id_and_body(hook, there):
    tell()
    webhook_calls.deliver(delivery_attempts.take(Kind.WEBHOOK))
    with time_machine.travel(clock.now() + delivery_attempts.LEASE, tick=False):
        assert work() == 1
    (first, body), (second, again) = there.told
    assert (first["webhook-id"], body) == (second["webhook-id"], again)
    assert first["webhook-timestamp"] < second["webhook-timestamp"]


@pytest.mark.parametrize(
    ("answer", "state", "error"),
    [
        (answering(500), State.WAITING, "The receiver answered 500."),
        (answering(404), State.WAITING, "The receiver answered 404."),
        (answering(302, location="http://127.0.0.1:1/"), State.WAITING, "The receiver answered 302."),
        (answering(410), State.DEAD, "410: the receiver wants this no more."),
        (answering(200, b"x" * 70_000), State.WAITING, "The receiver answered with more than 64 kB."),
        (lambda handler: handler.wfile.write(b"Hello\r\n\r\n"), State.WAITING, "RemoteProtocolError"),
        (lambda handler: None, State.WAITING, "RemoteProtocolError"),
    ],
)
def test_any_other_answer_is_a_failure(hook, there, answer, state, error):
    there.answer = answer
    tell()
    work()
    assert (left().state, left().last_error[: len(error)]) == (state, error)
    assert len(there.told) == 1


def test_an_answer_that_trickles_is_ended_when_its_time_is_over(hook, there, monkeypatch):
    monkeypatch.setattr(webhook_calls, "SECONDS", 0.3)

    def trickle(handler):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(100):
            try:
                handler.wfile.write(b"x")
            except OSError:
                return
            time.sleep(0.05)

    there.answer = trickle
    tell()
    work()
    # To its end it would have been taken.
    assert "ReadTimeout" in left().last_error


def test_a_receiver_that_is_down_gets_everything_when_it_is_back(hook, there):
    there.answer = answering(503)
    for i in range(4):
        tell(key=str(i))
    assert work() == 1
    there.answer = answering(204)
    with time_machine.travel(clock.now() + timedelta(minutes=2), tick=False):
        assert work() == 4
    assert {one.state for one in Delivery.objects} == {State.SENT}


def test_what_waits_for_a_webhook_that_is_switched_off_is_given_up(hook, there):
    tell()
    webhooks.remove(hook[0], by=OPERATOR)
    work()
    assert (there.told, left().state) == ([], State.DEAD)


# --- where it leads ---------------------------------------------------------------------------------------------------

NOT_PUBLIC = """127.0.0.1 127.9.9.9 0.0.0.0 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1 192.0.0.1
198.18.0.1 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255 192.0.2.1 ::1 :: fe80::1 fe80::1%eth0 fc00::1 fd12::1 fec0::1 ff02::1
::ffff:127.0.0.1 ::ffff:10.0.0.1 ::127.0.0.1 64:ff9b::7f00:1 64:ff9b:1::a00:1 2002:7f00:1::
2001:0:7f00:1:: 2001:db8::1 x""".split()
IS_PUBLIC = "93.184.215.14 8.8.8.8 172.32.0.1 2606:4700:4700::1111 2a00:1450:4001:800::200e".split()


def test_public_is_what_the_whole_internet_reaches():
    assert [one for one in NOT_PUBLIC if outbound.is_public(one)] == []
    assert [one for one in IS_PUBLIC if not outbound.is_public(one)] == []


# All of them ways to write an address of this machine, and of the metadata of a cloud.
@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "0x7f000001",
        "2130706433",
        "127.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0",
        "169.254.169.254",
    ],
)
def test_a_private_target_is_refused_when_it_is_saved(host):
    with pytest.raises(InvalidInput) as error:
        webhooks.create(url=f"http://{host}/hook", events=EVENTS, by=OPERATOR)
    assert "public internet" in error.value.errors["url"][0]
    assert Webhook.objects.count() == 0


def test_a_private_target_is_refused_when_it_is_called(app, hook, there, monkeypatch):
    monkeypatch.setitem(app.config, "WEBHOOK_ALLOW_PRIVATE", False)
    tell()
    work()
    assert (there.told, left().state) == ([], State.WAITING)
    assert left().last_error == "127.0.0.1 is an address of a private network."


def test_a_name_that_leads_to_a_private_address_later_is_refused_then(app, there, monkeypatch):
    monkeypatch.setitem(app.config, "WEBHOOK_ALLOW_PRIVATE", False)
    answers = iter([PUBLIC, LOOPBACK])
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: next(answers))
    webhooks.create(url=f"http://hooks.example.com:{there.server_port}/", events=EVENTS, by=OPERATOR)
    tell()
    work()
    assert there.told == []
    assert left().last_error == "hooks.example.com is an address of a private network."


def test_a_name_with_one_private_address_among_public_ones_is_refused(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: PUBLIC + LOOPBACK)
    with pytest.raises(InvalidInput):
        webhooks.create(url="https://hooks.example.com/", events=EVENTS, by=OPERATOR)


def test_what_was_checked_is_what_is_connected_to(there, monkeypatch):
    """The name is looked up once: a second look-up could give another answer."""
    asked = []

    def look_up(host, *_args, **_more):
        asked.append(host)
        return LOOPBACK

    _hook, secret = webhooks.create(url=there.url.replace("127.0.0.1", "localhost"), events=EVENTS, by=OPERATOR)
    connected = []
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(
        socket, "create_connection", lambda to, *rest, **more: connected.append(to[0]) or _to(to, there)
    )
    tell()
    work()
    assert asked == ["localhost"]
    assert connected == ["127.0.0.1"]
    headers, body = there.told[0]
    assert headers["host"] == f"localhost:{there.server_port}"
    assert standardwebhooks.Webhook(secret).verify(body, headers)


@pytest.fixture
def silent(monkeypatch):
    """A name server that says nothing before the test has ended; gives the threads that still wait for it."""
    over, waiting = threading.Event(), SimpleQueue()

    def look_up(*_args, **_more):
        waiting.put(threading.current_thread())
        # Were it waited for, the test would fail after this time instead of never.
        over.wait(600)
        return PUBLIC

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield waiting
    over.set()


def test_a_name_server_that_keeps_silent_holds_no_delivery(hook, silent, monkeypatch):
    Webhook.objects.update(url="http://hooks.example.com/")
    looked_up = outbound.addresses
    # On a busy machine the little time that there is might be over before.
    monkeypatch.setattr(
        outbound, "addresses", lambda *args, seconds, **more: looked_up(*args, seconds=min(seconds, 0.01), **more)
    )
    tell()
    work()
    assert left().last_error == "The look-up of hooks.example.com took too long."
    assert left().state == State.WAITING
    thread = silent.get()
    assert thread.is_alive()
    # The process ends without it.
    assert thread.daemon


def test_a_look_up_has_no_more_time_than_is_left_of_the_call(monkeypatch):
    given = []
    monkeypatch.setattr(outbound, "addresses", lambda *_args, seconds, **_more: given.append(seconds) or [])
    with pytest.raises(outbound.Unknown):
        outbound.Outbound(seconds=1_000, allow_private=True).connect_tcp("hooks.example.com", 443)
    assert 0 < given[0] <= 1_000


def test_a_name_server_that_keeps_silent_holds_no_form(silent, monkeypatch):
    monkeypatch.setattr(webhooks, "LOOK_UP_SECONDS", 0.01)
    with pytest.raises(InvalidInput) as error:
        webhooks.create(url="https://hooks.example.com/", events=EVENTS, by=OPERATOR)
    assert error.value.errors == {"url": ["There is no such host."]}
    assert silent.get().is_alive()


def _to(to, there):
    """A connection without a look-up, which the test answers itself."""
    one = socket.socket()
    one.connect((to[0], there.server_port))
    return one


# --- looking after them -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"url": ""}, "url"),
        ({"url": None}, "url"),
        ({"url": "hooks.example.com"}, "url"),
        ({"url": "ftp://127.0.0.1/"}, "url"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"url": "http://"}, "url"),
        ({"url": "http:///path"}, "url"),
        ({"url": "http://user:secret@127.0.0.1/"}, "url"),
        ({"url": "http://127.0.0.1@example.com/"}, "url"),
        ({"url": "http://127.0.0.1:99999/"}, "url"),
        ({"url": "http://127.0.0.1:x/"}, "url"),
        ({"url": "http://[::1/"}, "url"),
        ({"url": "http://127.0.0.1/#part"}, "url"),
        ({"url": "http://127.0.0.1\\@example.com/"}, "url"),
        ({"url": "http://127.0.0.1/a b"}, "url"),
        ({"url": "http://127.0.0.1/a\nHost: x"}, "url"),
        ({"url": "http://почта.example/"}, "url"),
        ({"url": "http://127.0.0.1/" + "x" * 2_000}, "url"),
        ({"url": "http://nobody.invalid/"}, "url"),
        ({"events": []}, "events"),
        ({"events": ["order.made"]}, "events"),
        ({"events": ["order.paid", "$ne"]}, "events"),
    ],
)
def test_what_a_webhook_may_not_be_is_refused_by_field(private, facts, field):
    kept, _ = webhooks.create(url="http://127.0.0.1/", events=EVENTS, by=OPERATOR)
    facts = {"url": "http://127.0.0.1/", "events": EVENTS, **facts}
    for attempt in (
        lambda: webhooks.create(**facts, by=OPERATOR),
        lambda: webhooks.edit(kept, **facts, active=True, version=1, by=OPERATOR),
    ):
        with pytest.raises(InvalidInput) as error:
            attempt()
        assert set(error.value.errors) == {field}
    assert [one.version for one in webhooks.kept()] == [1]


def test_each_change_is_in_the_trail_without_the_secret(private):
    admin = actor_of(make_admin())
    hook, secret = webhooks.create(url="http://127.0.0.1/", events=["order.paid", "tokens.low"], by=admin)
    hook = webhooks.edit(hook, url=hook.url, events=["tokens.low"], active=False, version=1, by=admin)
    webhooks.remove(hook, by=admin)
    events = list(AuditEvent.objects(object__id=str(hook.id)).order_by("id"))
    assert [event.action for event in events] == ["webhook.create", "webhook.edit", "webhook.remove"]
    assert events[1].after == {"url": hook.url, "events": ["tokens.low"], "active": False}
    assert secret not in str([event.to_mongo() for event in events])
    with pytest.raises(NotFound):
        webhooks.get(hook.id)


def test_two_who_change_one_at_once_do_not_overwrite_each_other(private):
    hook, _ = webhooks.create(url="http://127.0.0.1/", events=EVENTS, by=OPERATOR)
    webhooks.edit(hook, url=hook.url, events=EVENTS, active=False, version=1, by=OPERATOR)
    with pytest.raises(ChangedByOther):
        webhooks.edit(hook, url=hook.url, events=EVENTS, active=True, version=1, by=OPERATOR)
    with pytest.raises(ChangedByOther):
        webhooks.remove(hook, by=OPERATOR)


def test_one_whose_host_is_gone_can_be_switched_off(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: PUBLIC)
    hook, _ = webhooks.create(url="https://hooks.example.com/", events=EVENTS, by=OPERATOR)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: [])
    assert not webhooks.edit(hook, url=hook.url, events=EVENTS, active=False, version=1, by=OPERATOR).active


def test_one_form_makes_one_webhook(private):
    webhooks.create(url="http://127.0.0.1/", events=EVENTS, by=OPERATOR, idempotency_key="form")
    with pytest.raises(AlreadyExists):
        webhooks.create(url="http://127.0.0.1/", events=EVENTS, by=OPERATOR, idempotency_key="form")
    assert Webhook.objects.count() == 1


def test_there_is_an_end_to_the_list(private, monkeypatch):
    monkeypatch.setattr(webhooks, "MOST", 1)
    webhooks.create(url="http://127.0.0.1/", events=EVENTS, by=OPERATOR)
    with pytest.raises(InvalidInput, match="Remove one first"):
        webhooks.create(url="http://127.0.0.1/", events=EVENTS, by=OPERATOR)


@pytest.mark.parametrize("roles", [[], ["reviewer", "support"]])
def test_only_who_manages_settings_changes_them(private, roles):
    by, (hook, _) = (
        actor_of(make_user(roles=roles)),
        webhooks.create(url="http://127.0.0.1/", events=EVENTS, by=OPERATOR),
    )
    for attempt in (
        lambda: webhooks.create(url="http://127.0.0.1/", events=EVENTS, by=by),
        lambda: webhooks.edit(hook, url=hook.url, events=EVENTS, active=True, version=1, by=by),
        lambda: webhooks.remove(hook, by=by),
    ):
        with pytest.raises(Forbidden):
            attempt()


def test_removed_ones_cost_nothing_where_the_others_are_looked_for(private):
    hook, _ = webhooks.create(url="http://127.0.0.1/", events=EVENTS, by=OPERATOR)
    gone = {"url": hook.url, "secret": "x", "events": EVENTS, "active": False, "removed_at": clock.now()}
    Webhook._get_collection().insert_many([{**gone, "idempotency_key": str(i)} for i in range(300)])
    for query in (Webhook.objects.kept(), Webhook.objects.told_of("tokens.low")):
        plan = query.explain()["executionStats"]
        assert (plan["nReturned"], plan["totalDocsExamined"] <= 2, plan["totalKeysExamined"] <= 4) == (1, True, True)
