"""What an e-mail says: its templates, rendered for the one who reads it, in their language and time zone.

`templates/emails/<name>.txt` holds the subject and the text, `<name>.html` the same for programs that show HTML.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import current_app, g

from app.models.user import User


@dataclass(frozen=True, slots=True)
class Email:
    """A mail as a reader sees it; `unsubscribe` is the address that ends mails of its kind, empty where there is none."""

    subject: str
    text: str
    html: str
    unsubscribe: str = ""


def render(template: str, values: Mapping[str, Any], *, reader: User) -> Email:
    """The mail for `reader`; templates have `values`, `reader`, and `link(path)` for a page of this site."""
    environment = current_app.jinja_env
    with current_app.app_context():
        g.reader = reader
        known = {**values, "reader": reader, "link": link}
        subject, _, text = environment.get_template(f"emails/{template}.txt").render(known).strip().partition("\n")
        html = environment.get_template(f"emails/{template}.html").render(known, subject=subject)
    unsubscribe = link(values["unsubscribe"]) if "unsubscribe" in values else ""
    return Email(" ".join(subject.split()), text.strip() + "\n", html, unsubscribe)


def link(path: str) -> str:
    """The address of a page of this site, for whoever is not on it."""
    own = current_app.config["PUBLIC_URL"] or f"http://127.0.0.1:{current_app.config['PORT']}"
    return f"{own.rstrip('/')}{path}"
