"""Stripe as far as an order needs it: a server on loopback with payment pages, refunds and idempotency keys, and the events that
it would send, with real signatures."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qsl

from app import clock

SECRET_KEY, WEBHOOK_SECRET = "sk_test_7b", "whsec_7b"
DAY = 24 * 3600

_numbers = count(1)


class FakeStripe:
    """What Stripe knows: `pages` by id, `payments` by id, and the answers to keys that it has seen."""

    def __init__(self) -> None:
        """Forgets everything."""
        self.pages: dict[str, dict[str, Any]] = {}
        self.payments: dict[str, dict[str, Any]] = {}
        self.answers: dict[str, tuple[str, dict[str, Any]]] = {}
        self.asked: list[str] = []
        # What the next call is answered instead: a status and a code.
        self.trouble: tuple[int, str] | None = None
        self.lock = threading.RLock()

    # --- what happens there ---

    def pay(self, page_id: str, **differently: Any) -> dict[str, Any]:
        """Somebody pays on the page; gives the page as the event about it shows it, with what is `differently` said."""
        page = self.pages[page_id]
        payment = {
            "id": f"pi_{next(_numbers)}",
            "object": "payment_intent",
            "metadata": page["metadata"],
            "latest_charge": {
                "id": f"ch_{next(_numbers)}",
                "object": "charge",
                "amount": page["amount_total"],
                "amount_refunded": 0,
                "refunded": False,
                "currency": page["currency"],
                "metadata": page["metadata"],
            },
        }
        payment["latest_charge"]["payment_intent"] = payment["id"]
        self.payments[payment["id"]] = payment
        page |= {"status": "complete", "payment_status": "paid", "payment_intent": payment["id"], **differently}
        return page

    def refund(self, payment_id: str, amount: int | None = None) -> dict[str, Any]:
        """Money is given back, all of it or so much; gives the charge as the event about it shows it."""
        charge = self.payments[payment_id]["latest_charge"]
        charge["amount_refunded"] = charge["amount"] if amount is None else charge["amount_refunded"] + amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        return charge

    # --- what it answers ---

    def answer(self, method: str, path: str, form: dict[str, str], key: str | None) -> tuple[int, dict[str, Any]]:
        """The status and the body of the answer to one call."""
        with self.lock:
            self.asked.append(f"{method} {path}")
            if self.trouble:
                (status, code), self.trouble = self.trouble, None
                return status, _error(code)
            content = json.dumps([path, form], sort_keys=True)
            if key in self.answers:
                known, answer = self.answers[key]
                return (200, answer) if known == content else (400, _error("idempotency_key_in_use"))
            status, answer = self._do(method, path.strip("/").split("/")[1:], form)
            if key and status == 200:
                self.answers[key] = content, answer
            return status, answer

    def _do(self, method: str, steps: list[str], form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        match method, steps:
            case "POST", ["checkout", "sessions"]:
                return 200, self._new_page(form)
            case "GET", ["checkout", "sessions", page_id] if page_id in self.pages:
                page = self.pages[page_id]
                return 200, {**page, "payment_intent": self.payments.get(page["payment_intent"])}
            case "GET", ["checkout", "sessions"]:
                return 200, {"object": "list", "data": [], "has_more": False, "url": "/v1/checkout/sessions"}
            case "POST", ["checkout", "sessions", page_id, "expire"] if page_id in self.pages:
                return self._close(self.pages[page_id])
            case "POST", ["refunds"] if form["payment_intent"] in self.payments:
                return self._give_back(form["payment_intent"])
        return 404, _error("resource_missing")

    def _close(self, page: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if page["status"] != "open":
            return 400, _error("not_open")
        page["status"] = "expired"
        return 200, page

    def _give_back(self, payment_id: str) -> tuple[int, dict[str, Any]]:
        if self.payments[payment_id]["latest_charge"]["refunded"]:
            return 400, _error("charge_already_refunded")
        self.refund(payment_id)
        return 200, {"id": f"re_{next(_numbers)}", "object": "refund"}

    def _new_page(self, form: dict[str, str]) -> dict[str, Any]:
        page_id = f"cs_test_{next(_numbers)}"
        self.pages[page_id] = {
            "id": page_id,
            "object": "checkout.session",
            "url": f"https://checkout.example.com/{page_id}",
            "status": "open",
            "payment_status": "unpaid",
            "payment_intent": None,
            "client_reference_id": form["client_reference_id"],
            "metadata": {"order": form["metadata[order]"]},
            "amount_total": int(form["line_items[0][price_data][unit_amount]"]),
            "currency": form["line_items[0][price_data][currency]"],
            "expires_at": int(clock.now().timestamp()) + DAY,
            "success_url": form["success_url"],
        }
        return self.pages[page_id]


def _error(code: str) -> dict[str, Any]:
    return {"error": {"type": "invalid_request_error", "code": code, "message": code}}


# --- events -----------------------------------------------------------------------------------------------------------


def event(kind: str, about: dict[str, Any], **values: Any) -> dict[str, Any]:
    """What Stripe tells of something that happened there."""
    return {"id": f"evt_{next(_numbers)}", "object": "event", "type": kind, "data": {"object": about}, **values}


def signed(payload: bytes, *, secret: str = WEBHOOK_SECRET, at: float | None = None) -> str:
    """The header that Stripe would send with it: https://docs.stripe.com/webhooks#verify-manually."""
    at = int(clock.now().timestamp() if at is None else at)
    digest = hmac.new(secret.encode(), f"{at}.".encode() + payload, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


# --- the server -------------------------------------------------------------------------------------------------------


class Server(ThreadingHTTPServer):
    """Listens on loopback; `fake` is another one in each test."""

    daemon_threads = True
    # As many as ask at once in any test.
    request_queue_size = 64
    fake = FakeStripe()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(dict(parse_qsl(body.decode())))

    def _answer(self, form: dict[str, str]) -> None:
        status, answer = 401, _error("bad_key")
        if self.headers["Authorization"] == f"Bearer {SECRET_KEY}":
            path = self.path.partition("?")[0]
            status, answer = self.server.fake.answer(self.command, path, form, self.headers["Idempotency-Key"])
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@contextmanager
def running() -> Iterator[Server]:
    """A server that answers until the end of the block."""
    with Server(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
