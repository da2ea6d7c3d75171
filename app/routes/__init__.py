"""The pages, one blueprint a file; this is the list of all of them. The API has its own, in `api/`."""

from app.openapi import App
from app.routes import account, api, chat, home, notifications, ops, register, requests, sign_in
from app.routes.admin import overview as admin_overview
from app.routes.admin import requests as admin_requests
from app.routes.settings import api_keys as settings_api_keys


def init_app(app: App) -> None:
    """Registers every blueprint."""
    for module in (
        *(sign_in, register, home, chat, account, requests, notifications, settings_api_keys),
        *(admin_overview, admin_requests, ops),
    ):
        app.register_blueprint(module.blueprint)
    api.init_app(app)
