"""The catalogue of crypto tokens, which everybody may read."""

from typing import Any

from flask import Blueprint, make_response, render_template, request
from flask.typing import ResponseReturnValue

from app import pagination
from app.access import public
from app.models.blockchain import BLOCKCHAINS
from app.services import catalogue as service
from app.services import search_words

blueprint = Blueprint("catalogue", __name__, url_prefix="/catalogue")


@blueprint.get("")
@public
def catalogue() -> ResponseReturnValue:
    """What is listed, newest first, on one blockchain or all, or by the beginning of a symbol or a word of a name."""
    return _open_to_crawlers(render_template("catalogue/catalogue.html", **found()))


@blueprint.get("/<int(max=999_999_999_999):number>")
@public
def show(number: int) -> ResponseReturnValue:
    """One listed token, by the number of the request that brought it."""
    return _open_to_crawlers(render_template("catalogue/show.html", token=service.find(number)))


def found() -> dict[str, Any]:
    """What the address asks for, for the lists of the public page and of the admins': a page, and what it was found by."""
    chain, sought = pagination.chosen("chain", list(BLOCKCHAINS)), request.args.get("q", "").strip()
    words = service.words(sought)
    tokens = service.page(blockchain=chain, words=words, before=pagination.before_number(), limit=pagination.FETCHED)
    return {
        "page": pagination.page(tokens, key=lambda token: token.number, chain=chain, q=sought or None),
        "chain": chain,
        "sought": sought,
        "more": words is not None and len(words) == search_words.MOST_WORDS,
        "blockchains": BLOCKCHAINS.values(),
    }


def _open_to_crawlers(page: str) -> ResponseReturnValue:
    response = make_response(page)
    response.headers["X-Robots-Tag"] = "all"
    return response
