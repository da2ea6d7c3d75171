"""Who does something: a user, an API key, an operator at the command line, or the system itself."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Actor:
    """Passed to every service as `by`. `address` and `request_id` are for the audit trail only."""

    kind: Literal["user", "key", "cli", "system"]
    id: str
    name: str
    address: str | None = None
    request_id: str | None = None

    def stamp(self) -> dict[str, str]:
        """What documents keep: `{kind, id, name}`."""
        return {"kind": self.kind, "id": self.id, "name": self.name}

    def trail(self) -> dict[str, str | None]:
        """What an audit event keeps: the stamp, the address and the request's id."""
        return {**self.stamp(), "address": self.address, "request_id": self.request_id}


SYSTEM = Actor("system", "system", "Tokendesk")
