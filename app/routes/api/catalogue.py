"""`/api/tokens.json` and `/api/catalogue.json`: the catalogue of crypto tokens, for anybody."""

from collections.abc import Sequence
from typing import Annotated

from flask import Response, current_app, jsonify, url_for
from pydantic import Field

from app import clock
from app.access import public
from app.models.blockchain import explorer_url
from app.models.catalogue_token import CatalogueToken
from app.models.domain_error import N_, NotFound
from app.routes.api import reviewing
from app.routes.api.frame import Query, QueryInt, answer, answers, api_blueprint, for_any_cache
from app.routes.api.shapes import Instant, Shape
from app.services import catalogue as service
from app.services import token_list as service_of_list

blueprint = api_blueprint("catalogue", "Catalogue", is_public=True)


class Version(Shape):
    """A token gone is a new major version, a token added a minor one, a token changed a patch."""

    major: int = Field(examples=[1])
    minor: int = Field(examples=[4])
    patch: int = Field(examples=[0])


class ListedOnEvm(Shape):
    """A token as the Token Lists standard knows it."""

    chain_id: int = Field(alias="chainId", examples=[1])
    address: str = Field(examples=["0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"])
    symbol: str = Field(examples=["USDC"])
    name: str = Field(examples=["USD Coin"])
    decimals: int = Field(examples=[6])


class Tokens(Shape):
    """What the Token Lists standard can say of the catalogue: https://tokenlists.org."""

    name: str = Field(examples=["Tokendesk"])
    timestamp: Instant = Field(description="When this version was published.")
    version: Version
    tokens: list[ListedOnEvm]


class Listed(Shape):
    """A token in the catalogue, on whichever blockchain."""

    number: int = Field(description="Of the request that brought it.", examples=[123])
    symbol: str = Field(examples=["MYTOKEN"])
    name: str = Field(examples=["My Token"])
    blockchain: str = Field(examples=["ethereum"])
    contract_address: str | None = Field(description="In its canonical form.")
    decimals: int | None = Field(examples=[18])
    explorer_url: str | None = Field(description="Where everybody can look at it.")
    listed_at: Instant


class Catalogue(Shape):
    """A page of the catalogue, the newest first."""

    tokens: list[Listed]


class PageOfCatalogue(Query):
    """Which page of the catalogue."""

    limit: Annotated[QueryInt, Field(ge=1, le=reviewing.MOST)] = reviewing.MOST
    cursor: Annotated[QueryInt, Field(description="As the `Link` of the page before gave it.")] | None = None


@blueprint.get("/tokens.json", responses=answers(Tokens, 404))
@public
def tokens() -> Response:
    """The tokens on EVM chains that have an address and decimals, as a Token List; 404 while there are none."""
    found = service_of_list.stored()
    if not found or not found["tokens"]:
        raise NotFound(N_("The catalogue has no tokens that a Token List could name yet."))
    name, published_at = current_app.config["CATALOGUE_NAME"], clock.iso(found["published_at"])
    # The list may be long, and is stored in the very shape that it is sent in.
    shape = {"name": name, "timestamp": published_at, "version": found["version"], "tokens": found["tokens"]}
    return _for_any_site(jsonify(shape))


@blueprint.get("/catalogue.json", responses=answers(Catalogue))
@public
def catalogue(query: PageOfCatalogue) -> Response:
    """All tokens of the catalogue, the newest first; `Link` leads to the next page."""
    found = service.page(before=query.cursor, limit=query.limit + 1)
    shown = found[: query.limit]
    response = answer(_shape(shown))
    if len(found) > query.limit:
        onwards = url_for(".catalogue", _external=True, limit=query.limit, cursor=shown[-1].number)
        response.headers["Link"] = f'<{onwards}>; rel="next"'
    return _for_any_site(response)


def _shape(listed: Sequence[CatalogueToken]) -> Catalogue:
    return Catalogue(
        tokens=[
            Listed(
                number=one.number,
                symbol=one.symbol,
                name=one.name,
                blockchain=one.blockchain,
                contract_address=one.contract_address,
                decimals=one.decimals,
                explorer_url=explorer_url(one.blockchain, one.contract_address) if one.contract_address else None,
                listed_at=one.listed_at,
            )
            for one in listed
        ]
    )


def _for_any_site(response: Response) -> Response:
    # Wallets and exchanges in a browser read such lists from their own pages.
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Expose-Headers"] = "Link"
    return for_any_cache(response)
