"""All pages: the address of each, and who opens it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from flask import Flask

from tests.guards.routes import Route, routes, url_of
from tests.walks.showroom import Showroom

GUEST, USER, ADMIN, CODE, CAREFUL = "guest", "user", "admin", "code", "careful"
# What is read by GET and is no page of its own: files, figures for scripts, addresses that only lead on.
NO_PAGES = {
    *("static", "bootstrap.static", "swagger.static", "home.home", "balance.balance", "chat_answers.answer"),
    *(
        "account_export.ledger_csv",
        "account_export.ledger_jsonl",
        "admin_export.ledger_csv",
        "admin_export.ledger_jsonl",
    ),
    *("admin_request_export.requests_csv", "admin_request_export.requests_jsonl", "settings_own_data.export"),
    *("admin_audit.audit_csv", "admin_audit.audit_jsonl", "ops.metrics"),
    *("ops.favicon", "ops.healthz", "ops.readyz", "ops.robots", "listings.hint", "admin_messages.message"),
    *("admin_requests.token_requests_list", "admin_requests.beta_requests_list"),
}
# Who sees the page at its best, where it is not whoever the route is for.
SEEN_BY = {
    "sign_in.code": CODE,
    "settings_two_factor.replace_app": CAREFUL,
    "catalogue.catalogue": USER,
    "catalogue.show": USER,
    "unsubscribe.unsubscribe": GUEST,
}
# The same pages in another state.
STATES = [
    (GUEST, "/no-such-page"),
    (GUEST, "/catalogue"),
    (GUEST, "/reset-password/a-link-that-is-worthless"),
    (USER, "/catalogue?q=nothing-like-it"),
    (USER, "/chat/search?q=launch"),
    (USER, "/requests?kind=listing"),
    (USER, "/requests/new?kind=quota"),
    (USER, "/requests/new?kind=beta"),
    (USER, "/requests/new?kind=listing"),
    (USER, "/account/explain/grants"),
    (USER, "/admin"),
    (CAREFUL, "/chat"),
    (CAREFUL, "/account"),
    (CAREFUL, "/requests"),
    (CAREFUL, "/orders"),
    (CAREFUL, "/notifications"),
    (CAREFUL, "/requests/new?kind=quota"),
    (CAREFUL, "/settings/two-factor"),
    (ADMIN, "/admin/users?q=nobody-like-that"),
    (ADMIN, "/admin/requests?q=nobody-like-that"),
    (ADMIN, "/admin/messages?q=launch"),
]
# Forms that are sent with nothing filled in, to see what they say.
SENT_EMPTY = [
    *((GUEST, path) for path in ("/sign-in", "/register", "/reset-password")),
    *((USER, path) for path in ("/requests/new?kind=listing", "/settings/password", "/settings/email")),
    *((ADMIN, path) for path in ("/admin/assistants/new", "/admin/webhooks/new", "/admin/canned-responses/new")),
]


@dataclass(frozen=True, slots=True)
class Place:
    """An address, who opens it, and whether its form is sent empty."""

    who: str
    path: str
    sends: bool = False

    def __str__(self) -> str:
        """A name for a file."""
        words = re.sub(r"[0-9a-f]{24}|[^/?]{30,}", "x", self.path.strip("/") or "home")
        return f"{self.who} {re.sub(r'[^a-z0-9]+', ' ', words.lower()).strip()}{' sent' if self.sends else ''}"


def places(app: Flask, showroom: Showroom) -> list[Place]:
    """All of them in all their states."""
    found = [
        *addresses(app, showroom),
        *(Place(*one) for one in STATES),
        *(Place(*one, sends=True) for one in SENT_EMPTY),
    ]
    about = f"/admin/users/{showroom.user.id}"
    preview = f"{about}/bonus?amount=500&reason=Thank+you&key={'0' * 32}"
    found += [Place(ADMIN, preview), Place(ADMIN, f"/admin/requests/{showroom.decided.number}")]
    found += [Place(USER, f"/requests/{showroom.decided.number}")]
    return list(dict.fromkeys(found))


def addresses(app: Flask, showroom: Showroom) -> Iterator[Place]:
    """Each address that a page has, opened once."""
    for route in routes(app):
        is_document = route.endpoint == "api_document.docs"
        if route.method == "GET" and route.endpoint not in NO_PAGES and (is_document or not route.is_api):
            path = url_of(app, route, showroom.names_for(route.endpoint))
            yield Place(SEEN_BY.get(route.endpoint) or _who(route), path)


def _who(route: Route) -> str:
    assert route.access is not None, route
    if route.access.anonymous:
        return GUEST
    return ADMIN if route.access.permissions or route.access.any_permission else USER
