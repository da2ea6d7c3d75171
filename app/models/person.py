"""Who somebody is, as pages and files name them."""

from dataclasses import dataclass
from datetime import datetime

from bson import ObjectId


class Named:
    """What follows from a name and an e-mail address."""

    name: str | None
    email: str

    @property
    def display_name(self) -> str:
        """The name, else what stands before the @."""
        return self.name or self.email.partition("@")[0]

    @property
    def initials(self) -> str:
        """One or two capital letters that stand for a picture."""
        words = self.display_name.replace(".", " ").replace("_", " ").replace("-", " ").split()
        letters = [word[0] for word in words if word[0].isalnum()]
        return "".join(letters[:1] + letters[1:][-1:]).upper() or "?"


@dataclass(frozen=True)
class Person(Named):
    """A user in a list of something else; fifty whole documents would take a seventh of the time of such a page."""

    id: ObjectId
    email: str
    name: str | None
    picture_url: str | None
    deleted_at: datetime | None
