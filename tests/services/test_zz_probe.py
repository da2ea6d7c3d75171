import json

from app import clock
from app.models.order import Order
from app.services import order_steps, orders, reconciliation, stripe_events, user_changes
from tests.buying import *
from tests.factories import *
from tests.stripe_server import event, signed


def tell(told):
    payload = json.dumps(told).encode()
    stripe_events.receive(payload, signed(payload))

def test_a_headers(client, stripe):
    payload = b"{}"
    for header in ("t=1,v1=\xe9", "t=99999999999999999999,v1=0", "t=-1,v1=0", "t=1e3,v1=0", "v1=0", "t=\u00b2,v1=0", "=,=", "t=1,v1=0,"*500, signed(payload, at=9e9), signed(payload, at=-5)):
        r = client.post("/api/stripe/events", data=payload, content_type="application/json", headers={"Stripe-Signature": header}, origin=None)
        print(repr(header[:30]), r.status_code)

def test_b_manual_refund(app, monkeypatch, stripe):
    monkeypatch.setitem(app.config, "PAYMENT_PROVIDER", "manual")
    order = make_order()
    order_steps.confirm(order, by=OPERATOR)
    tell(event("charge.refunded", {"metadata": {"order": str(order.id)}, "refunded": True, "payment_intent": "pi_9", "currency": "usd", "amount_refunded": 1}))
    print("manual refunded by event:", stored(order)["status"])

def test_c_provider_changed(app, monkeypatch, stripe):
    order = make_order()
    paid = make_order()
    order_steps.paid(paid, payment=stripe.pay(paid.checkout["id"])["payment_intent"])
    monkeypatch.setitem(app.config, "PAYMENT_PROVIDER", "manual")
    monkeypatch.setitem(app.config, "STRIPE_SECRET_KEY", "")
    print(reconciliation.look_at(order))
    print(order_steps.refund(orders.by_id(paid.id), by=OPERATOR, reason="x").status, stored(paid)["due"])
    print(order_steps.cancel(order, by=OPERATOR).status)

def test_d_refused(app, stripe):
    paid = make_order()
    order_steps.paid(paid, payment=stripe.pay(paid.checkout["id"])["payment_intent"])
    stripe.trouble = (400, "insufficient_funds")
    order_steps.refund(orders.by_id(paid.id), by=OPERATOR, reason="x")
    print(stored(paid)["due"])

def test_e_deleted(app, client):
    order = make_order()
    User._get_collection().delete_one({"_id": order.user})
    try:
        o = order_steps.confirm(order, by=OPERATOR)
        print(o.status, stored(order)["due"], entries_of(order))
    except Exception as e: print("confirm", repr(e))
    try:
        o = order_steps.refund(order, by=OPERATOR, reason="x")
        print(o.status, stored(order)["due"], entries_of(order))
    except Exception as e: print("refund", repr(e))
    sign_in(client, make_admin())
    for p in ("", "/1", "/1/refund"):
        print(client.get("/admin/orders"+p).status_code)

def test_f_deactivated():
    u = make_user()
    order = make_order(u)
    user_changes.deactivate(u.id, by=OPERATOR)
    o = order_steps.confirm(order, by=OPERATOR)
    print(o.status, stored(order)["due"], entries_of(order))

def test_g_phones(client):
    from tests.factories import bearer
    ada = make_user("ada@example.com")
    user_changes.set_phone(ada.id, "+7 999 123-45-67", by=OPERATOR)
    own = bearer(ada, "self")
    for w in ["7 999 123–45–67", "7\u00a0999\u00a0123\u201145\u201167", "7/999/123", "7%2F999%2F123-45-67", "7,999,123,45,67", "7:999;123*45#67", "tel:79991234567", "\u200e79991234567", "７９９９１２３４５６７", "٧٩٩٩١٢٣٤٥٦٧", "~7'999\"1234567", "%5B7%5D9991234567", "++79991234567", "79991234567?x"]:
        from urllib.parse import quote
        print(repr(w), client.get("/api/user/tokens/" + quote(w, safe="%"), headers=own).status_code)

def test_h_status_of_outstanding(client, stripe, monkeypatch):
    order = make_order()
    page = stripe.pay(order.checkout["id"])
    Order._get_collection().update_one({"_id": order.id}, {"$set": {"status": "paid", "payment": page["payment_intent"]}, "$push": {"due": {"key": order.credit_key, "verb": "account.grant", "at": clock.now(), "arguments": {}, "failed": "x"}}})
    payload = json.dumps(event("charge.refunded", stripe.refund(page["payment_intent"]))).encode()
    r = client.post("/api/stripe/events", data=payload, content_type="application/json", headers={"Stripe-Signature": signed(payload)}, origin=None)
    print(r.status_code, r.text)
