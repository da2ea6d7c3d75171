"""What an actor may do to others: who holds what, and that nobody gives what they do not hold."""

from collections.abc import Iterable

from app import clock
from app.models.actor import Actor
from app.models.api_key import KEY_ONLY, SELF, ApiKey
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
    if not set(permissions) <= held(by):
        raise Forbidden


def check_manages(by: Actor, *, other_than: User | None = None) -> None:
    """Raises `Forbidden` unless the actor may manage users, and is not the very user who is to be changed."""
    check_holds([Permission.USERS_MANAGE], by=by)
    if other_than is not None:
        check_is_another(other_than, by=by)


def check_is_another(user: User, *, by: Actor) -> None:
    """Raises `Forbidden` where the actor is this very user, or one of their keys."""
    if by.person == str(user.id):
        raise Forbidden(N_("This is your own account: somebody else has to make this change."))


def check_may_give(permissions: Iterable[str], email: str, *, by: Actor) -> None:
    """Raises `Forbidden` where the actor holds less, `InvalidInput` where ADMIN_EMAILS does not name the receiver."""
    check_holds(permissions, by=by)
    if not admin_allowlist.names(email):
        raise InvalidInput(errors={"email": [N_("ADMIN_EMAILS does not name this address, so it may hold no role.")]})


def held(by: Actor) -> frozenset[str]:
    """The permissions that an actor may use and pass on; whoever has the command line has all of them."""
    if by.kind in {"cli", "system"}:
        return frozenset(Permission)
    if by.kind == "key":
        return _held_through_key(by)
    user = User.objects.active().filter(id=by.id).first()
    return frozenset(user.permissions) if user and admin_allowlist.names(user.email) else frozenset()


def _held_through_key(by: Actor) -> frozenset[str]:
    api_key = ApiKey.objects(id=by.id).first()
    if api_key is None or not api_key.is_live(clock.now()):
        return frozenset()
    owner = User.objects.active().filter(id=api_key.owner).first()
    return usable_scopes(api_key, owner) - {SELF} if owner else frozenset()


def usable_scopes(api_key: ApiKey, owner: User) -> frozenset[str]:
    """What of a key's scopes counts now: a key never does what its active owner may not."""
    may_own = {SELF}
    if admin_allowlist.names(owner.email):
        may_own |= {*KEY_ONLY, *owner.permissions}
    return frozenset(api_key.scopes) & may_own
