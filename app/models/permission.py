"""What a user may do beyond their own things, and the roles that name sets of it."""

from enum import StrEnum


class Permission(StrEnum):
    """One right each; the value is what documents, keys and the command line say."""

    REQUESTS_REVIEW = "requests.review"
    USERS_READ = "users.read"
    USERS_MANAGE = "users.manage"
    USERS_SIGN_IN = "users.sign_in"
    USAGE_WRITE = "usage.write"
    MESSAGES_READ = "messages.read"
    BILLING_MANAGE = "billing.manage"
    CATALOGUE_MANAGE = "catalogue.manage"
    SETTINGS_MANAGE = "settings.manage"
    AUDIT_READ = "audit.read"


# Programs write usage and sign users in, people do not: no role has these two.
ROLES: dict[str, frozenset[Permission]] = {
    "admin": frozenset(Permission) - {Permission.USAGE_WRITE, Permission.USERS_SIGN_IN},
    "reviewer": frozenset({Permission.REQUESTS_REVIEW, Permission.USERS_READ}),
    "support": frozenset({Permission.USERS_READ}),
}
