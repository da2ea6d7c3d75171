"""What is due with decisions on listing requests: for each verb its arguments, how to look at its effect, and what that is."""

from collections.abc import Callable
from typing import Any

from app.models.catalogue_token import CatalogueToken
from app.models.notification import Notification
from app.models.token_list import TokenList
from app.models.user import User
from app.services import review, supports, token_list
from tests.due_items import NOW
from tests.effects import stored
from tests.factories import OPERATOR, actor_of
from tests.steps import make_listing

Case = tuple[dict[str, Any], Callable[[], Any], Any]


def _published() -> tuple[int, int]:
    published = token_list.published()
    return (published.count, published.revision) if published else (0, 0)


def _add(user: User) -> Case:
    def effect() -> Any:
        return list(CatalogueToken.objects.scalar("key", "listed")), _published()

    return {"request": make_listing(user).id}, effect, ([("a key", True)], (1, 1))


def _take_out(user: User) -> Case:
    listed = review.approve(make_listing(user), by=OPERATOR)

    def effect() -> Any:
        return list(CatalogueToken.objects.scalar("listed")), _published()

    return {"adds": listed.approval_key}, effect, ([False], (0, 2))


def _publish(user: User) -> Case:
    review.approve(make_listing(user), by=OPERATOR)
    TokenList.objects.delete()
    return {}, _published, (1, 1)


def _free_slot(user: User) -> Case:
    listed = review.approve(make_listing(user), by=OPERATOR)

    def effect() -> Any:
        one = stored(listed)
        return one and (one["status"], "open_key" in one)

    return {"request": listed.id}, effect, ("approved", False)


def _tell(user: User) -> Case:
    listing: Any = make_listing()
    supports.support(user, listing.number, by=actor_of(user))
    item = supports.news(listing, key="a key", at=NOW, listed=False)
    return item["arguments"], lambda: Notification.objects(user=user.id, kind="supported_closed").count(), 1


LISTINGS: dict[str, Callable[[User], Case]] = {
    "catalogue.add": _add,
    "catalogue.publish": _publish,
    "catalogue.take_out": _take_out,
    "listing.free_slot": _free_slot,
    "supporters.tell": _tell,
}
