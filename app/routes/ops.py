"""What machines ask: is the process alive, is it ready, what may a crawler read, what icon is shown."""

from hmac import compare_digest

from flask import Blueprint, Response, abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from werkzeug.datastructures import WWWAuthenticate

from app import db, scrape
from app.access import public

blueprint = Blueprint("ops", __name__)

ROBOTS = """User-agent: *
Allow: /catalogue
Allow: /static/
Disallow: /
"""


@blueprint.get("/healthz")
@public
def healthz() -> Response:
    """The process answers."""
    return Response("ok\n", mimetype="text/plain")


@blueprint.get("/readyz")
@public
def readyz() -> tuple[Response, int]:
    """The database answers and was prepared."""
    problem = db.not_ready()
    return Response(f"{problem or 'ok'}\n", mimetype="text/plain"), 503 if problem else 200


@blueprint.get("/metrics")
@public
def metrics() -> Response:
    """What Prometheus collects, for whoever shows METRICS_KEY; without that setting there is nothing here."""
    key = current_app.config["METRICS_KEY"]
    if not key:
        abort(404)
    shown = request.authorization
    if shown is None or shown.type != "bearer" or not compare_digest((shown.token or "").encode(), key.encode()):
        abort(401, www_authenticate=WWWAuthenticate("bearer"))
    return Response(generate_latest(scrape.registry(current_app)), content_type=CONTENT_TYPE_PLAIN_0_0_4)


@blueprint.get("/robots.txt")
@public
def robots() -> Response:
    """Only the catalogue is for search engines, with what its pages load."""
    return Response(ROBOTS, mimetype="text/plain", headers={"Cache-Control": "public, max-age=86400"})


@blueprint.get("/favicon.ico")
@public
def favicon() -> ResponseReturnValue:
    """Browsers ask here for the icon of whatever is no page, such as the API's document."""
    return redirect(url_for("static", filename="favicon.svg"), 301)
