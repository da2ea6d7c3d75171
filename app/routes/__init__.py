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
    confirm_email,
    home,
    language,
    listings,
    notifications,
    ops,
    orders,
    register,
    requests,
    reset_password,
    sign_in,
    sign_in_link,
    unsubscribe,
)
from app.routes.admin import assistants as admin_assistants
from app.routes.admin import audit as admin_audit
from app.routes.admin import canned_responses as admin_canned_responses
from app.routes.admin import catalogue as admin_catalogue
from app.routes.admin import conversations as admin_conversations
from app.routes.admin import deliveries as admin_deliveries
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
from app.routes.admin import webhooks as admin_webhooks
from app.routes.settings import api_keys as settings_api_keys
from app.routes.settings import email as settings_email
from app.routes.settings import notices as settings_notices
from app.routes.settings import own_data as settings_own_data
from app.routes.settings import password as settings_password
from app.routes.settings import profile as settings_profile
from app.routes.settings import sessions as settings_sessions
from app.routes.settings import two_factor as settings_two_factor

FOR_USERS = (
    sign_in,
    sign_in_link,
    register,
    reset_password,
    confirm_email,
    home,
    language,
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
    settings_notices,
    unsubscribe,
    settings_email,
    settings_own_data,
    settings_password,
    settings_profile,
    settings_sessions,
    settings_two_factor,
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
    admin_audit,
    admin_conversations,
    admin_messages,
    admin_catalogue,
    admin_deliveries,
    admin_webhooks,
    admin_users,
    admin_user_tokens,
    admin_user_changes,
)


def init_app(app: App) -> None:
    """Registers every blueprint."""
    for module in (*FOR_USERS, *FOR_ADMINS, ops):
        app.register_blueprint(module.blueprint)
    api.init_app(app)
