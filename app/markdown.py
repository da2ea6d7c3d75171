"""Markdown from strangers as harmless HTML, in bounded time."""

import re
from functools import cache, lru_cache

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markupsafe import Markup

# What an answer in a chat may be made of; no images, so that reading an answer fetches nothing.
TAGS = frozenset(
    {"p", "br", "hr", "strong", "em", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a"}
    | {"h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"}
)
DEEPEST_HEADING = 6
HEADINGS_TAKEN = 2
# A paragraph may take the parser the square of its length, and a short text may become a table of many thousand cells.
# What goes beyond these was written to take long, and is shown as it was written.
LONGEST_TEXT, MOST_CELLS, MOST_WORK = 100_000, 20_000, 50_000_000
# Pages with the same texts are opened again and again.
KEPT = 200
_BLANK_LINES = re.compile(r"\n[ \t]*\n")


class _TooMuch(Exception):
    """Formatting the text would take too long."""


@lru_cache(maxsize=KEPT)
def markdown(text: str) -> Markup:
    """`text` as harmless HTML; headings step down, as the page has its own."""
    parser = _parser()
    try:
        tokens = parser.parse(text) if len(text) <= LONGEST_TEXT and _cells(text) <= MOST_CELLS else None
    except _TooMuch:
        tokens = None
    if tokens is None:
        return Markup("<pre>{}</pre>").format(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(DEEPEST_HEADING, int(token.tag[1]) + HEADINGS_TAKEN)}"
    html = nh3.clean(
        parser.renderer.render(tokens, parser.options, {}),
        tags=set(TAGS),
        attributes={"a": {"href"}, "ol": {"start"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow noopener noreferrer",
    )
    return Markup(html)  # noqa: S704


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": True, "breaks": True})
    parser.core.ruler.before("inline", "bounds", _check_bounds)
    return parser.enable(["linkify", "table", "strikethrough"])


def _cells(text: str) -> int:
    """At most so many cells there are in the tables of `text`: each line may be a row of as many as the longest has."""
    blocks = (block.split("\n") for block in _BLANK_LINES.split(text))
    return sum(len(lines) * max(line.count("|") for line in lines) for lines in blocks)


def _check_bounds(state: StateCore) -> None:
    """Between the blocks, which are quick, and what is in them, which may not be."""
    paragraphs = (token.content for token in state.tokens if token.type == "inline")
    if sum(len(text) ** 2 for text in paragraphs) > MOST_WORK:
        raise _TooMuch
