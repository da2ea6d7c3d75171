"""The pages, one blueprint a file; this is the list of all of them."""

from flask import Flask

from app.routes import account, chat, home, notifications, ops, requests, sign_in
from app.routes.admin import overview as admin_overview
from app.routes.admin import requests as admin_requests


def init_app(app: Flask) -> None:
    """Registers every blueprint."""
    for module in (sign_in, home, chat, account, requests, notifications, admin_overview, admin_requests, ops):
        app.register_blueprint(module.blueprint)
