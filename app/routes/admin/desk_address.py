"""What the address of the desk's list asks for: the same for the page and for whatever else lists what it lists."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from flask import request
from flask_login import current_user

from app import pagination
from app.forms.desk import DeskForm
from app.models.blockchain import BLOCKCHAINS
from app.models.token_request import Status
from app.services import desk, desk_search, request_kinds

# The address says `status=all` for every status; without one it means what is pending.
ALL = "all"
NEWEST, OLDEST = "newest", "oldest"


@dataclass(frozen=True, slots=True)
class Asked:
    """The filters, the search and the order; `choices()` is what other addresses of the same list repeat."""

    form: DeskForm
    status: str
    kind: str | None
    chain: str | None
    order: str
    user: str | None

    @property
    def oldest_first(self) -> bool:
        """Whether the list begins with what was submitted first."""
        return self.order == OLDEST

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the status narrows the list."""
        return any(value for name, value in self.choices().items() if name not in ("status", "order"))

    def choices(self, **changed: str | None) -> dict[str, str | None]:
        """The arguments of the address, with what `changed` says otherwise; None stands for what is not in it."""
        texts = {name: request.args.get(name) or None for name in ("q", "from", "until")}
        order = self.order if self.oldest_first else None
        chosen = {"status": self.status, "kind": self.kind, "chain": self.chain, "user": self.user}
        return {**chosen, **texts, "order": order, **changed}

    def filters(self) -> tuple[desk.Filters, bool]:
        """The same for the desk, and whether a search fits more than is looked for; after the form's `validate()`."""
        sought, zone = desk_search.sought(self.form.q.data or ""), ZoneInfo(current_user.time_zone)
        chosen = None if self.user is None else desk_search.named(self.user)
        filters = desk.Filters(
            kinds=[self.kind] if self.kind else (),
            statuses=() if self.status == ALL else [Status(self.status)],
            blockchains=[self.chain] if self.chain else (),
            since=self.form.since(zone),
            until=self.form.until(zone),
        )
        return desk_search.narrowed(filters, sought, chosen), sought.more


def asked() -> Asked:
    """What this request's address asks for; 400 for choices that there are not, the form tells of the rest."""
    return Asked(
        form=DeskForm(request.args),
        status=pagination.chosen("status", [*Status, ALL]) or Status.PENDING.value,
        kind=pagination.chosen("kind", list(request_kinds.ON_APPROVAL)),
        chain=pagination.chosen("chain", list(BLOCKCHAINS)),
        order=pagination.chosen("order", [NEWEST, OLDEST]) or NEWEST,
        user=request.args.get("user") or None,
    )
