"""What every request must be and every response must say: host, proxies, kind and size of input, security headers."""

from itertools import chain
from urllib.parse import urlsplit

from flask import Flask, Response, abort, current_app, request
from flask_babel import gettext as _
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.sansio.utils import host_is_trusted

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
FORM_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
WRITING_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
STATIC_ENDPOINTS = frozenset({"static", "bootstrap.static", "swagger.static"})
YEAR = 365 * 24 * 3600


def init_app(app: Flask) -> None:
    """Puts the gate before, and the headers behind, every view."""
    if proxies := app.config["TRUSTED_PROXIES"]:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)  # type: ignore[method-assign]
    app.before_request(_refuse_foreign_hosts)
    app.before_request(_refuse_unfit_input)
    app.after_request(_add_headers)


def is_api() -> bool:
    """Whether the request is for the JSON API."""
    return request.path == "/api" or request.path.startswith("/api/")


def _refuse_foreign_hosts() -> None:
    public_host = urlsplit(current_app.config["PUBLIC_URL"]).hostname
    # Health checks come from machines that know the process by its bare address.
    if public_host and request.blueprint != "ops" and not host_is_trusted(request.host, [public_host]):
        abort(400, _("This server does not answer for that host."))


def _refuse_unfit_input() -> None:
    if request.method in WRITING_METHODS and not is_api() and request.mimetype not in FORM_TYPES:
        has_body = request.content_length or "Transfer-Encoding" in request.headers
        if has_body:
            abort(415, _("This address takes forms only."))
    # NUL means nothing in a text, and much to some of the programs behind us.
    if "\0" in request.path:
        abort(404)
    if not is_api() and request.files:
        # No page asks for one, and a form would take what is no text for the text of a field.
        abort(400, _("The forms here take no files."))
    fields = request.args.items(multi=True), () if is_api() else request.form.items(multi=True)
    if any("\0" in text for text in chain(*chain(*fields))):
        abort(400, _("The input holds a NUL character."))


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint not in STATIC_ENDPOINTS or response.status_code >= 400:
        # Everything here is somebody's own, error pages included; a view that is meant for all says otherwise.
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault("X-Robots-Tag", "noindex, nofollow")
    if current_app.config["ENVIRONMENT"] == "production":
        response.headers.setdefault("Strict-Transport-Security", f"max-age={YEAR}")
    return response
