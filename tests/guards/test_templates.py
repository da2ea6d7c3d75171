"""Every template compiles and holds no code; and the rules that every opened page is checked against find what they are for."""

import re
from pathlib import Path

import pytest
from flask import Flask

from tests.page_rules import problems

TEMPLATES = Path(__file__).parents[2] / "app" / "templates"
NAMES = sorted(str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*.*"))

# What a strict Content-Security-Policy refuses, and what would let a stranger's text through as HTML.
FORBIDDEN = {
    "a style attribute": r"\sstyle\s*=",
    "a style element": r"<style\b",
    "an event handler": r"<[^>]*\son[a-z]+\s*=",
    "a script without src": r"<script(?![^>]*\ssrc=)",
    "a javascript: address": r"javascript:",
    "|safe": r"\|\s*safe\b",
    "autoescape off": r"autoescape\s+false",
}

PAGE = """<!doctype html><html lang="en"><head><title>A page</title></head>
<body><main><h1>A page</h1>%s</main></body></html>"""


@pytest.mark.parametrize("name", NAMES)
def test_a_template_compiles(app: Flask, name: str) -> None:
    app.jinja_env.get_template(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_template_holds_no_code_and_trusts_no_text(name: str) -> None:
    source = (TEMPLATES / name).read_text()
    assert [what for what, pattern in FORBIDDEN.items() if re.search(pattern, source, re.IGNORECASE)] == []


def test_a_page_that_keeps_the_rules_has_no_problems() -> None:
    form = (
        '<form method="post"><input type="hidden" name="csrf_token"><label for="reason">Reason</label>'
        '<textarea id="reason" name="reason"></textarea></form>'
    )
    assert problems(PAGE % f"<h2>Ask</h2>{form}") == []


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("<h1>Another</h1>", "2 h1 elements, not one"),
        ("<h3>Too deep</h3>", "h3 follows h1"),
        ('<p id="a">1</p><p id="a">2</p>', "id 'a' stands 2 times"),
        ('<a href="#gone">Gone</a>', "nothing has the id 'gone'"),
        ('<input name="reason" id="reason">', "the field 'reason' has no label"),
        ('<form method="post"></form>', "a form that writes has no csrf_token"),
        ('<p style="color:red">Red</p>', "<p> has style in the page"),
        ('<p onclick="go()">Go</p>', "<p> has onclick="),
        ("<script>go()</script>", "a script stands in the page"),
        ('<img src="/a.svg">', "an image has no alt"),
        ('<script src="https://example.com/a.js"></script>', "<script> comes from another host"),
        ("<p>Open", "</main> closes <p>"),
    ],
)
def test_the_rules_find(content: str, problem: str) -> None:
    assert problem in problems(PAGE % content)
