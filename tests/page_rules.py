"""What every page must be, whatever it shows: the test client checks each page that any test opens against this."""

from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise

VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
FIELDS = frozenset({"input", "select", "textarea"})
# Inputs that need no label: nobody sees the first, and the others show their own text.
UNLABELLED = frozenset({"hidden", "submit", "button"})
REFERENCES = ("for", "aria-labelledby", "aria-describedby", "aria-controls")


class _Reader(HTMLParser):
    """Goes through a page once and keeps what the rules are about."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[str] = []
        self.tags: Counter[str] = Counter()
        self.ids: Counter[str] = Counter()
        self.headings: list[int] = []
        self.fields: list[dict[str, str]] = []
        self.references: set[str] = set()
        self.labelled: set[str] = set()
        self.title = ""
        self._open: list[str] = []
        self._form: tuple[str, list[str]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag not in VOID:
            self._open.append(tag)
        self.tags[tag] += 1
        self._check_tag(tag, values)
        if "id" in values:
            self.ids[values["id"]] += 1
        for name in REFERENCES:
            self.references.update(values.get(name, "").split())
        if values.get("href", "").startswith("#"):
            self.references.add(values["href"][1:])
        if tag in {"h1", "h2", "h3", "h4", "h5", "h6"}:
            self.headings.append(int(tag[1]))
        if tag == "form":
            self._form = (values.get("method", "get").lower(), [])
        if tag == "label":
            self.labelled.add(values.get("for", ""))
        if tag in FIELDS:
            self._take_field(values)

    def _check_tag(self, tag: str, values: dict[str, str]) -> None:
        if tag == "style" or "style" in values:
            self.problems.append(f"<{tag}> has style in the page")
        if tag == "script" and not values.get("src"):
            self.problems.append("a script stands in the page")
        if handlers := [name for name in values if name.startswith("on")]:
            self.problems.append(f"<{tag}> has {handlers[0]}=")
        if any(values.get(name, "").lower().startswith("javascript:") for name in ("href", "action", "src")):
            self.problems.append(f"<{tag}> has a javascript: address")
        if any(values.get(name, "").startswith(("http:", "https:", "//")) for name in ("src", "action")) or (
            tag == "link" and values.get("href", "").startswith(("http:", "https:", "//"))
        ):
            self.problems.append(f"<{tag}> comes from another host")
        if tag == "html" and not values.get("lang"):
            self.problems.append("the page does not say its language")
        if tag == "img" and "alt" not in values:
            self.problems.append("an image has no alt")

    def _take_field(self, values: dict[str, str]) -> None:
        if self._form is not None:
            self._form[1].append(values.get("name", ""))
        if values.get("type") not in UNLABELLED:
            self.fields.append(values)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1] != tag:
            self.problems.append(f"</{tag}> closes <{self._open[-1] if self._open else 'nothing'}>")
            return
        self._open.pop()
        if tag == "form" and self._form is not None:
            method, names = self._form
            if method == "post" and "csrf_token" not in names:
                self.problems.append("a form that writes has no csrf_token")
            self._form = None

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "title" and "svg" not in self._open:
            self.title += data.strip()

    def close(self) -> None:
        super().close()
        if self._open:
            self.problems.append(f"<{self._open[-1]}> is not closed")


def problems(html: str) -> list[str]:
    """What is wrong with a page, a sentence each; empty for a page that keeps the rules."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    found = reader.problems
    for tag, what in (("h1", "h1"), ("main", "main"), ("html", "html")):
        if reader.tags[tag] != 1:
            found.append(f"{reader.tags[tag]} {what} elements, not one")
    if not reader.title:
        found.append("no title")
    levels = reader.headings
    found += [f"h{after} follows h{before}" for before, after in pairwise(levels) if after > before + 1]
    found += [f"id {id_!r} stands {count} times" for id_, count in reader.ids.items() if count > 1]
    found += [f"nothing has the id {id_!r}" for id_ in sorted(reader.references - set(reader.ids)) if id_]
    found += [
        f"the field {field.get('name')!r} has no label"
        for field in reader.fields
        if field.get("id", "-") not in reader.labelled and not field.get("aria-label")
    ]
    return found
