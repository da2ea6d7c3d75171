"""What an actor may do to others: who holds what, and that nobody gives what they do not hold."""

from collections.abc import Iterable

from app.models.actor import Actor
from app.models.domain_error import N_, Forbidden, InvalidInput
from app.models.permission import ROLES, Permission
from app.models.user import User
from app.services import admin_allowlist


def permissions_of(roles: Iterable[str]) -> list[str]:
    """What these roles give together, sorted; raises `InvalidInput` for a role that does not exist."""
    roles = list(roles)
    for role in roles:
        if role not in ROLES:
            raise InvalidInput(
                N_("There is no role %(role)s; there are %(roles)s."), role=repr(role), roles=", ".join(ROLES)
            )
    return sorted({str(permission) for role in roles for permission in ROLES[role]})


def check_holds(permissions: Iterable[str], *, by: Actor) -> None:
    """Raises `Forbidden` unless the actor holds all of `permissions`."""
    if not set(permissions) <= _held(by):
        raise Forbidden


def check_manages(by: Actor, *, other_than: User | None = None) -> None:
    """Raises `Forbidden` unless the actor may manage users, and is not the very user who is to be changed."""
    check_holds([Permission.USERS_MANAGE], by=by)
    if other_than is not None and by.id == str(other_than.id):
        raise Forbidden(N_("You cannot change your own permissions."))


def check_may_give(permissions: Iterable[str], email: str, *, by: Actor) -> None:
    """Raises `Forbidden` where the actor holds less, `InvalidInput` where ADMIN_EMAILS does not name the receiver."""
    check_holds(permissions, by=by)
    if not admin_allowlist.names(email):
        raise InvalidInput(errors={"email": [N_("ADMIN_EMAILS does not name this address, so it may hold no role.")]})


def _held(by: Actor) -> set[str]:
    """The permissions that an actor may use and pass on; whoever has the command line has all of them."""
    if by.kind in {"cli", "system"}:
        return {str(permission) for permission in Permission}
    user = User.objects.active().filter(id=by.id).first() if by.kind == "user" else None
    return set(user.permissions) if user and admin_allowlist.names(user.email) else set()
