"""Who changes things, and the things that they change, for the tables of what leaves an event in the audit trail."""

from typing import Any
from uuid import uuid4

from bson import ObjectId
from flask import Flask
from werkzeug.test import TestResponse

from app import clock
from app.models.assistant import Assistant
from app.models.catalogue_token import CatalogueToken
from app.models.delivery import Delivery, Kind, State
from app.models.permission import Permission
from app.models.token_request import TokenRequest
from app.models.webhook import Webhook
from app.services import api_keys, assistants, canned_responses, order_steps, review, user_changes
from tests.buying import make_order
from tests.factories import OPERATOR, bearer, make_admin, make_request, make_user, sign_in
from tests.steps import make_listing

ASSISTANT = {
    "name": "Careful",
    "model": "gpt-5",
    "system_prompt": "Be careful.",
    "max_answer_tokens": "800",
    "price": "1500",
    "active": "y",
    "version": "1",
}
# Where the two call from.
ADDRESS = "192.0.2.17"


class Scene:
    """An admin at the browser, a program with a key that may do everything, and whatever they change, made when it is needed."""

    def __init__(self, app: Flask) -> None:
        """Makes the two."""
        self.admin = make_admin(name="Adam")
        self.browser = sign_in(app.test_client(), self.admin)  # type: ignore[arg-type]
        self.program, self.key = app.test_client(), bearer(self.admin, "self", *Permission)
        for client in (self.browser, self.program):
            client.environ_base["REMOTE_ADDR"] = ADDRESS

    def post(self, path: str, **data: Any) -> TestResponse:
        """Sends a form."""
        return self.browser.post(f"/admin/{path}", data=data)

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> TestResponse:
        """Calls the API with the key."""
        sent = {} if body is None else {"json": body}
        return self.program.open(f"/api/{path}", method=method, headers=self.key, csrf=False, **sent)  # type: ignore[call-arg]

    def decide(self, word: str, of: TokenRequest, **data: Any) -> TestResponse:
        """Sends a form of a request's page."""
        return self.post(f"requests/{of.number}/{word}", version=str(of.version), steps="", **data)

    def change(self, what: str, **data: Any) -> TestResponse:
        """Sends a form of a user's page."""
        user = make_user(roles=["support"])
        if what == "activate":
            user_changes.deactivate(user.id, by=OPERATOR)
        return self.post(f"users/{user.id}/{what}", **data)


def rejected_request() -> TokenRequest:
    """One that was refused."""
    return review.reject(make_request(), by=OPERATOR, response="No.")


def approved_request() -> TokenRequest:
    """One that was granted."""
    return review.approve(make_request(used=10), by=OPERATOR)


def stuck_request() -> TokenRequest:
    """A request with something that could not be done."""
    approved = approved_request()
    failed = {"key": "k", "verb": "catalogue.publish", "arguments": {}, "at": clock.now(), "failed": "Somehow"}
    TokenRequest._get_collection().update_one({"_id": approved.id}, {"$push": {"due": failed}})
    return approved


def listed_token() -> int:
    """The number of a token in the catalogue."""
    review.approve(make_listing(), by=OPERATOR)
    number: int = CatalogueToken.objects.order_by("-id").first().number
    return number


def placed_order(*, paid: bool = False) -> int:
    """The number of an order."""
    order = make_order()
    if paid:
        order_steps.confirm(order, by=OPERATOR)
    number: int = order.number
    return number


def dead_delivery() -> ObjectId:
    """A mail that was given up."""
    mail = {"kind": Kind.MAIL, "channel": "mail", "what": "notice", "state": State.DEAD, "user": ObjectId()}
    return Delivery(key=str(ObjectId()), created_at=clock.now(), **mail).save().id


def webhook() -> ObjectId:
    """A receiver of calls."""
    facts = {"url": "https://example.com/", "secret": "whsec_eA==", "events": ["tokens.low"]}
    return Webhook(idempotency_key=str(ObjectId()), created_at=clock.now(), **facts).save().id


def bulk(scene: Scene) -> TestResponse:
    """Decides on the desk, for all that are selected."""
    one = make_request()
    selected = f"{one.number}:{one.version}"
    return scene.post("requests/bulk", action="spam", selected=[selected], batch_id=str(ObjectId()))


def canned_response() -> ObjectId:
    """A prepared message."""
    return canned_responses.create(title=str(ObjectId()), text="Please wait.", by=OPERATOR).id


def own_key(scene: Scene) -> TestResponse:
    """Makes a key for themselves."""
    sent = {"name": "A program", "scopes": ["self"], "lifetime": "90", "key": uuid4().hex}
    return scene.browser.post("/settings/api-keys", data=sent)


def end_own_key(scene: Scene) -> TestResponse:
    """Ends one of their own keys."""
    key, _secret = api_keys.create(scene.admin.id, name="Another", scopes=["self"], by=OPERATOR)
    return scene.browser.post(f"/settings/api-keys/{key.id}/revoke")


def edit_assistant(scene: Scene) -> TestResponse:
    """Changes who answers in the chat."""
    assistants.ensure_default()
    one = Assistant.objects.order_by("number").first()
    return scene.post(f"assistants/{one.number}", **{**ASSISTANT, "version": str(one.version)})
