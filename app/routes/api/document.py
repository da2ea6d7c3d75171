"""`/api/openapi.json` and the page to read it at: the same for everybody, so that any cache may keep it."""

from importlib.resources import files
from typing import cast

from flask import Blueprint, Response, current_app, jsonify, make_response, render_template

from app.access import public
from app.openapi import App
from app.routes.api.frame import for_any_cache

blueprint = Blueprint("api_document", __name__, url_prefix="/api")
# Style and script of Swagger UI, out of an installed package whose own page needs inline script.
assets = Blueprint(
    "swagger",
    __name__,
    static_folder=str(files("flask_openapi_swagger") / "templates" / "swagger"),
    static_url_path="/api/docs/assets",
)


@blueprint.get("/openapi.json")
@public
def openapi() -> Response:
    """The API, as OpenAPI 3.1."""
    return for_any_cache(jsonify(cast(App, current_app).api_doc))


@blueprint.get("/docs")
@public
def docs() -> Response:
    """The same for people."""
    response = for_any_cache(make_response(render_template("api_document/docs.html")))
    response.vary.add("Accept-Language")
    return response
