"""Calls one webhook: the last step of a delivery. Signed by the Standard Webhooks scheme (standardwebhooks.com)."""

import json
import ssl

import httpcore2
from flask import current_app
from standardwebhooks import Webhook as Signer

from app import clock
from app.models.delivery import Delivery
from app.models.webhook import Webhook
from app.services.delivery_attempts import Undelivered
from app.services.outbound import NotPublic, Outbound, Unknown

# What a receiver may take in all, and answer.
SECONDS = 5
MOST_BYTES = 64 * 1024
# The receiver wants no more: the scheme's own word for "never again".
GONE = 410
# All of them would be answered like this now.
BUSY = frozenset({408, 429})


def deliver(delivery: Delivery) -> None:
    """Sends the event to its webhook as the webhook is now; raises `Undelivered`."""
    webhook = Webhook.objects.kept().filter(id=delivery.webhook, active=True).first()
    if webhook is None:
        raise Undelivered("The webhook was switched off or removed.", final=True)
    body = body_of(delivery)
    status = _post(webhook.url, body, _headers(delivery, webhook.secret, body))
    if status == GONE:
        raise Undelivered("410: the receiver wants this no more.", final=True)
    if not 200 <= status < 300:
        raise Undelivered(f"The receiver answered {status}.", is_receivers=status in BUSY or status >= 500)


def body_of(delivery: Delivery) -> bytes:
    """The event as it is sent: `{type, timestamp, data}`; sent again, it is the same to the letter."""
    event = {"type": delivery.what, "timestamp": clock.iso(delivery.created_at), "data": delivery["values"]}
    return json.dumps(event, default=str, separators=(",", ":")).encode()


def _headers(delivery: Delivery, secret: str, body: bytes) -> dict[str, str]:
    message_id, at = f"msg_{delivery.id}", clock.now()
    return {
        "content-type": "application/json",
        "user-agent": "Tokendesk",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Signer(secret).sign(message_id, at, body.decode()),
    }


def _post(url: str, body: bytes, headers: dict[str, str]) -> int:
    """The status of the answer; redirects are not followed, and nothing of the answer is kept."""
    outbound = Outbound(seconds=SECONDS, allow_private=current_app.config["WEBHOOK_ALLOW_PRIVATE"])
    try:
        with (
            httpcore2.ConnectionPool(ssl_context=ssl.create_default_context(), network_backend=outbound) as pool,
            pool.stream("POST", url, headers=list(headers.items()), content=body) as answer,
        ):
            received = 0
            for part in answer.iter_stream():
                received += len(part)
                if received > MOST_BYTES:
                    raise Undelivered(f"The receiver answered with more than {MOST_BYTES // 1024} kB.")
            return answer.status
    except (NotPublic, Unknown) as refusal:
        raise Undelivered(str(refusal), is_receivers=True) from None
    except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError, OSError) as error:
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        raise Undelivered(reason, is_receivers=True) from None
