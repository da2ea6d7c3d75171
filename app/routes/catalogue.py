"""The catalogue of crypto tokens, which everybody may read."""

from flask import Blueprint, make_response, render_template, request
from flask.typing import ResponseReturnValue

from app import pagination
from app.access import public
from app.models.blockchain import BLOCKCHAINS
from app.services import catalogue as service

blueprint = Blueprint("catalogue", __name__, url_prefix="/catalogue")


@blueprint.get("")
@public
def catalogue() -> ResponseReturnValue:
    """What is listed, newest first, on one blockchain or all, or by the beginning of a symbol or a word of a name."""
    chain, sought = pagination.chosen("chain", list(BLOCKCHAINS)), request.args.get("q", "").strip()
    found = service.page(blockchain=chain, text=sought, before=pagination.before_number(), limit=pagination.FETCHED)
    page = pagination.page(found, key=lambda token: token.number, chain=chain, q=sought or None)
    shown = {"page": page, "chain": chain, "sought": sought, "blockchains": BLOCKCHAINS.values()}
    return _open_to_crawlers(render_template("catalogue/catalogue.html", **shown))


@blueprint.get("/<int(max=999_999_999_999):number>")
@public
def show(number: int) -> ResponseReturnValue:
    """One listed token, by the number of the request that brought it."""
    return _open_to_crawlers(render_template("catalogue/show.html", token=service.find(number)))


def _open_to_crawlers(page: str) -> ResponseReturnValue:
    response = make_response(page)
    response.headers["X-Robots-Tag"] = "all"
    return response
