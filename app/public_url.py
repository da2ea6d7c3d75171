"""The addresses of this site's pages as people open them."""

from typing import Any

from flask import current_app, request, url_for


def public_url(endpoint: str, **values: Any) -> str:
    """The absolute address of a page, for whoever is not on this site: PUBLIC_URL, or the host that was asked."""
    own = current_app.config["PUBLIC_URL"] or request.host_url
    return f"{own.rstrip('/')}{url_for(endpoint, **values)}"
