"""The JSON API, one blueprint a file; this is the list of all of them. docs/api.md describes it."""

from app.openapi import App
from app.routes.api import (
    admin_beta,
    admin_listing_batches,
    admin_listings,
    admin_token_requests,
    beta,
    catalogue,
    chat,
    document,
    gallery_users,
    holds,
    host_users,
    metering,
    purchase,
    quota_statistics,
    sign_in_links,
    stripe_events,
    token_requests,
)


def init_app(app: App) -> None:
    """Registers every blueprint of the API and the document that describes them."""
    for module in (
        metering,
        holds,
        host_users,
        sign_in_links,
        token_requests,
        admin_token_requests,
        admin_listings,
        admin_listing_batches,
        catalogue,
        beta,
        admin_beta,
        chat,
        purchase,
        gallery_users,
        quota_statistics,
    ):
        app.register_api(module.blueprint)
    for blueprint in (stripe_events.blueprint, document.blueprint, document.assets):
        app.register_blueprint(blueprint)
