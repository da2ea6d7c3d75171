"""A test client that behaves as a browser does: a context of its own for each request, forms with their token.

It also checks each page that it opens against the rules that hold for all pages.
"""

import contextvars
import re
from typing import Any

from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from werkzeug.test import TestResponse

from app.security import WRITING_METHODS
from tests.page_rules import problems

CSRF_SECRET = "0" * 40


class PageClient(FlaskClient):
    """Adds the CSRF token to forms and the origin to what writes, unless it is called with `csrf=False` or `origin=None`."""

    def open(
        self, *args: Any, csrf: bool = True, origin: str | None = "http://localhost", **kwargs: Any
    ) -> TestResponse:
        """As Flask's, but never inside the test's own app context, whose `g` would outlive the request."""
        if origin and kwargs.get("method") in WRITING_METHODS:
            kwargs["headers"] = {"Origin": origin, **dict(kwargs.get("headers") or {})}
        is_form = kwargs.get("method") == "POST" and "json" not in kwargs and isinstance(kwargs.get("data") or {}, dict)
        if csrf and is_form:
            kwargs["data"] = (kwargs.get("data") or {}).copy()
            kwargs["data"].setdefault("csrf_token", self._csrf_token())
        kwargs.setdefault("buffered", True)
        response: TestResponse = contextvars.Context().run(super().open, *args, **kwargs)
        if response.mimetype == "text/html" and not 300 <= response.status_code < 400:
            assert problems(response.text) == [], f"{kwargs.get('method', 'GET')} {args}"
        return response

    def _csrf_token(self) -> str:
        with self.session_transaction() as session:
            secret = session.setdefault("csrf_token", CSRF_SECRET)
        return URLSafeTimedSerializer(self.application.secret_key, salt="wtf-csrf-token").dumps(secret)


def text_of(response: TestResponse) -> str:
    """What a reader sees of a page, without tags and with single spaces."""
    html = re.sub(r"<(script|style|template)\b.*?</\1>", " ", response.text, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", html).replace("&nbsp;", " ").replace("&#39;", "'").split())
