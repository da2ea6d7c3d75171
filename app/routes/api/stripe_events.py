"""`/api/stripe/events`: what Stripe tells of payments. Its signature is what lets it in; no key and no session does."""

from flask import Blueprint, Response, jsonify, request

from app.access import public
from app.extensions import csrf
from app.services import stripe_events

blueprint = Blueprint("stripe_events", __name__, url_prefix="/api/stripe")
csrf.exempt(blueprint)


@blueprint.post("/events")
@public
def receive() -> Response:
    """Takes one event; what concerns no order of ours is taken too, so that Stripe does not send it again."""
    stripe_events.receive(request.get_data(), request.headers.get("Stripe-Signature"))
    return jsonify(received=True)
