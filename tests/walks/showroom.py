"""Everything that there is a page of: the demo, a crowd around it, and what its user and its admin have done."""

from datetime import timedelta
from typing import Any

import time_machine
from bson import ObjectId
from flask import Flask
from pyotp import TOTP

from app import clock
from app.models.audit_event import Action, AuditEvent
from app.models.catalogue_token import CatalogueToken
from app.models.delivery import Delivery, Kind, State
from app.models.notice_mail import Topic
from app.models.order import Order
from app.models.order import Status as OrderStatus
from app.models.review_batch import BatchAction
from app.models.token_request import Status, TokenRequest
from app.models.user import User
from app.models.webhook import Webhook
from app.services import (
    api_keys,
    assistant_changes,
    assistants,
    beta_requests,
    canned_responses,
    chat,
    confirmation_mail,
    demo,
    demo_crowd,
    email_changes,
    notice_mail,
    orders,
    password_reset_mail,
    quota_requests,
    request_statistics,
    review,
    review_batches,
    sign_in_links,
    signed_tokens,
    statistics,
    token_accounts,
    two_factor,
    users,
)
from app.services.demo import ADMIN_EMAIL, DEMO_EMAIL
from app.services.review_batches import Selected
from tests.factories import OPERATOR, PASSWORD, actor_of, make_user, sign_in
from tests.page_client import PageClient

CROWD, REQUESTS = 120, 60
# What the pages of registration, of mail and of what is sent by mail need to be there; nothing is sent.
SETTINGS = {"REGISTRATION": "open", "MAIL_SERVER": "127.0.0.1", "MAIL_FROM": "desk@example.com"}
QUESTIONS = (
    "Which three things should a launch announcement say first?",
    "Write a short reply to a customer who asks when the export comes.",
)


class Showroom:
    """Its user, its admin, and what the variable parts of addresses name."""

    def __init__(self) -> None:
        """Makes all of it in an empty database."""
        assistants.ensure_default()
        with time_machine.travel(clock.now() - timedelta(days=2, hours=3)):
            demo.seed(by=OPERATOR)
        self.user, self.admin = users.find(DEMO_EMAIL), users.find(ADMIN_EMAIL)
        crowd = demo_crowd.begin(seed=1, users=CROWD, requests=REQUESTS, by=OPERATOR)
        assert sum(demo_crowd.make(crowd, processes=1)) == CROWD
        token_accounts.grant(
            self.user.id, 3_000, key="bonus", source="bonus", reason="For a good bug report", by=OPERATOR
        )
        said = [chat.send(self.user, text=text, key=text, by=actor_of(self.user)) for text in QUESTIONS]
        self.careful = self._with_two_factor()
        self.own, self.decided = self._requests()
        self.order = orders.place(self.user, package="basic", key="order", by=actor_of(self.user)).order
        self.named = {
            "conversation_id": said[0].conversation,
            "message_id": said[0].id,
            "assistant_number": self._assistant(),
            "user_id": self.user.id,
            "figure": "balance",
            "package": "basic",
            "response_id": self._response(),
            "batch_id": self._batch(),
            "delivery_id": self._delivery(),
            "webhook_id": self._webhook(),
            "event_id": AuditEvent.objects(action=Action.CANNED_RESPONSE_CREATE).first().id,
            "notice_token": notice_mail.link_token(self.user.id, Topic.DECIDED),
        }
        self.numbers = {
            "orders.show": self.order.number,
            "requests.show": self.own.number,
            "requests.edit": self.own.number,
            "admin_requests.show": self.own.number,
            "admin_orders.show": self.order.number,
            "admin_orders.refund": Order.objects.get(status=OrderStatus.PAID.value).number,
            "catalogue.show": CatalogueToken.objects.first().number,
            "admin_catalogue.remove": CatalogueToken.objects.first().number,
        }
        self.tokens = {
            "sign_in_link.sign_in_link": sign_in_links.create(make_user(), target="/", by=OPERATOR)[1],
            "reset_password.new_password": password_reset_mail.token_for(self.user),
            "confirm_email.confirm_email": signed_tokens.sign(
                [str(self.user.id), self.user.email], purpose=confirmation_mail.PURPOSE
            ),
            "settings_email.change": self._email_change(),
        }
        api_keys.create(self.admin.id, name="Our product", scopes=["usage.write"], by=OPERATOR)
        statistics.rebuild()
        request_statistics.take()

    def names_for(self, endpoint: str) -> dict[str, Any]:
        """What the variable parts of the endpoint's address name; a number is of another thing on each page."""
        return self.named | {"number": self.numbers.get(endpoint), "token": self.tokens.get(endpoint)}

    def speak(self, language: str) -> None:
        """Everybody has chosen this language."""
        User._get_collection().update_many({}, {"$set": {"locale": language}})

    def cookie(self, app: Flask, who: str) -> str | None:
        """The session of a browser in which `who` is signed in: guest, user, admin, or one who still owes a code."""
        client: PageClient = app.test_client()  # type: ignore[assignment]
        if who == "code":
            client.post("/sign-in", data={"email": self.careful.email, "password": PASSWORD})
        elif who != "guest":
            sign_in(client, {"user": self.user, "admin": self.admin, "careful": self.careful}[who])
        cookie = client.get_cookie(app.config["SESSION_COOKIE_NAME"])
        return cookie.value if cookie else None

    def _with_two_factor(self) -> User:
        user = make_user("noor.haddad@example.com", name="Noor Haddad", password=PASSWORD)
        setup = two_factor.begin(user)
        code = TOTP(two_factor.secret_of(setup, user) or "").at(clock.now())
        proof, _codes = two_factor.prove(user.id, setup=setup, code=code, password=PASSWORD, by=actor_of(user))
        return two_factor.turn_on(user.id, proof=proof, by=actor_of(user))

    def _requests(self) -> tuple[TokenRequest, TokenRequest]:
        """One that waits, and one that was approved with an answer."""
        by = actor_of(self.admin)
        beta = beta_requests.submit(self.user, by=actor_of(self.user))
        decided = review.approve(beta, by=by, response="Welcome! Tell us what you miss.")
        reason = "We launch on Thursday, and the announcement, the manual and the answers to customers are still to be written."
        return quota_requests.submit(self.user, reason=reason, by=actor_of(self.user)), decided

    def _assistant(self) -> int:
        facts = {"model": "gpt-4o-mini", "system_prompt": "You help people write clearly.", "max_answer_tokens": 800}
        given = {**facts, "name": "Editor", "price": 1_500, "active": True}
        return int(assistant_changes.create(by=actor_of(self.admin), **given).number)  # type: ignore[arg-type]

    def _response(self) -> ObjectId:
        given = {
            "title": "Once a week",
            "text": "Your allowance renews every week. For more, the pro tier may suit you.",
        }
        return canned_responses.create(**given, by=actor_of(self.admin)).id

    def _batch(self) -> ObjectId:
        waiting = TokenRequest.objects(status=Status.PENDING.value, number__ne=self.own.number).limit(4)
        selected = [Selected(one.number) for one in waiting]
        batch = review_batches.start(selected, BatchAction.SPAM, by=actor_of(self.admin))
        assert sum(1 for _row in review_batches.perform(batch)) == len(selected)
        return batch.id

    def _delivery(self) -> ObjectId:
        mail = {"kind": Kind.MAIL, "channel": "mail", "what": "notice", "state": State.DEAD, "user": self.user.id}
        return Delivery(key="mail", created_at=clock.now(), attempts=9, **mail).save().id

    def _webhook(self) -> ObjectId:
        # Not by the service, which looks the host up.
        facts = {"url": "https://example.com/hooks/tokendesk", "secret": "whsec_eA==", "events": ["tokens.low"]}
        return Webhook(idempotency_key="a form", created_at=clock.now(), **facts).save().id

    def _email_change(self) -> str:
        change = {"id": ObjectId(), "address": "dana@example.org", "at": clock.now(), "epoch": self.user.session_epoch}
        User._get_collection().update_one({"_id": self.user.id}, {"$set": {"email_change": change}})
        said = [str(self.user.id), str(change["id"]), change["address"]]
        return signed_tokens.sign(said, purpose=email_changes.PURPOSE)
