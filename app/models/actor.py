"""Who does something: a user, an API key, an operator at the command line, or the system itself."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Actor:
    """Passed to every service as `by`. `address` and `request_id` are for the audit trail only.

    `on_behalf_of` is the id of the user whose key it is; nobody's where it is no key. `batch` names the bulk decision that a
    step is part of.
    """

    kind: Literal["user", "key", "cli", "system"]
    id: str
    name: str
    address: str | None = None
    request_id: str | None = None
    on_behalf_of: str | None = None
    batch: str | None = None

    @property
    def person(self) -> str | None:
        """The id of the user who is behind it, by themselves or through a key; None for operators and the system."""
        return self.id if self.kind == "user" else self.on_behalf_of

    def stamp(self) -> dict[str, str]:
        """What documents keep: `{kind, id, name}`."""
        return {"kind": self.kind, "id": self.id, "name": self.name}

    def trail(self) -> dict[str, str | None]:
        """What an audit event keeps: the stamp, whose key it was, the address, the request's id and the batch."""
        more = {"on_behalf_of": self.on_behalf_of, "address": self.address, "request_id": self.request_id}
        return {**self.stamp(), **more, "batch": self.batch}


SYSTEM = Actor("system", "system", "Tokendesk")
