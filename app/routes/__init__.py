"""The pages, one blueprint a file; this is the list of all of them. The API has its own, in `api/`."""

from app.openapi import App
from app.routes import (
    account,
    account_export,
    api,
    balance,
    buy,
    catalogue,
    chat,
    chat_answers,
    chat_conversations,
    home,
    listings,
    notifications,
    ops,
    orders,
    register,
    requests,
    sign_in,
    sign_in_link,
)
from app.routes.admin import assistants as admin_assistants
from app.routes.admin import canned_responses as admin_canned_responses
from app.routes.admin import catalogue as admin_catalogue
from app.routes.admin import conversations as admin_conversations
from app.routes.admin import explanation as admin_explanation
from app.routes.admin import export as admin_export
from app.routes.admin import messages as admin_messages
from app.routes.admin import orders as admin_orders
from app.routes.admin import overview as admin_overview
from app.routes.admin import request_batches as admin_request_batches
from app.routes.admin import request_decisions as admin_request_decisions
from app.routes.admin import request_export as admin_request_export
from app.routes.admin import request_statistics as admin_request_statistics
from app.routes.admin import requests as admin_requests
from app.routes.admin import user_changes as admin_user_changes
from app.routes.admin import user_tokens as admin_user_tokens
from app.routes.admin import users as admin_users
from app.routes.settings import api_keys as settings_api_keys

FOR_USERS = (
    sign_in,
    sign_in_link,
    register,
    home,
    chat,
    chat_answers,
    chat_conversations,
    account,
    balance,
    account_export,
    requests,
    buy,
    orders,
    listings,
    catalogue,
    notifications,
    settings_api_keys,
)
FOR_ADMINS = (
    admin_explanation,
    admin_export,
    admin_overview,
    admin_requests,
    admin_request_decisions,
    admin_request_batches,
    admin_request_statistics,
    admin_request_export,
    admin_canned_responses,
    admin_orders,
    admin_assistants,
    admin_conversations,
    admin_messages,
    admin_catalogue,
    admin_users,
    admin_user_tokens,
    admin_user_changes,
)


def init_app(app: App) -> None:
    """Registers every blueprint."""
    for module in (*FOR_USERS, *FOR_ADMINS, ops):
        app.register_blueprint(module.blueprint)
    api.init_app(app)
