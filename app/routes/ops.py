"""What machines ask: is the process alive, is it ready, what may a crawler read, what icon is shown."""

from flask import Blueprint, Response, redirect, url_for
from flask.typing import ResponseReturnValue

from app import db
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
