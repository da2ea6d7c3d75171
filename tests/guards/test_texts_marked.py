"""What a person reads is marked for translation: no bare words in templates, none in flashes and fields of forms."""

import ast
import re
from pathlib import Path

APP = Path(__file__).parents[2] / "app"

# Names that are the same in every language, and words that are typed or pressed as they stand.
SAME_EVERYWHERE = {"Tokendesk", "JSON", "CSV", "Lines", "Token", "Lists"}
FILE_NAME = re.compile(r"\b\w+\.json\b")
# What a reader sees or hears of an attribute.
READ_ATTRIBUTES = (
    r"\b(?:title|alt|placeholder|aria-label|aria-description|data-(?:done|text|copy|copied|writing|ended))"
)
WORD = re.compile(r"[A-Za-z]{2,}")


def _bare_words(source: str) -> list[str]:
    """The words of a template that come neither from an expression nor from a tag."""
    source = re.sub(r"\{#.*?#\}", " ", source, flags=re.DOTALL)
    # What is said by an expression stays a sign, so that the attributes around it keep their form.
    source = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "·", source, flags=re.DOTALL)
    source = re.sub(r"<!doctype[^>]*>|<(script|style|svg|code|kbd)\b.*?</\1>", " ", source, flags=re.DOTALL)
    read = re.findall(READ_ATTRIBUTES + r'="([^"]*)"', source)
    texts = [re.sub(r"<[^>]*>|&\w+;", " ", source), *read]
    return [word for text in texts for word in WORD.findall(FILE_NAME.sub(" ", text)) if word not in SAME_EVERYWHERE]


def test_templates_hold_no_words_of_their_own():
    wrong = {}
    for path in sorted((APP / "templates").rglob("*.*")):
        if words := _bare_words(path.read_text()):
            wrong[str(path.relative_to(APP))] = words
    assert wrong == {}


def test_bare_words_are_found():
    assert _bare_words('<p class="wide">Hello {{ _("you") }}</p>') == ["Hello"]
    assert _bare_words("""<a title="Go {{ x }}" href="/there">{% if a > b %}{{ _("Go") }}{% endif %}</a>""") == ["Go"]
    assert _bare_words("{# A note. #}<p>{{ name }} · Tokendesk &nbsp; 99+</p>") == []


def _unmarked(tree: ast.AST) -> list[str]:
    """Texts that stand bare where a person will read them: a flash, a field's label, its description, a validator's message."""
    found: list[str] = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        values = [word.value for word in node.keywords if word.arg in {"description", "message", "label"}]
        if name == "flash" or (name.endswith("Field") and name[0].isupper()):
            values += node.args[:1]
        found += [
            value.value
            for value in values
            if isinstance(value, ast.Constant) and isinstance(value.value, str) and WORD.search(value.value)
        ]
    return found


def test_flashes_and_fields_are_marked():
    wrong = {}
    for folder in ("forms", "routes"):
        for path in sorted((APP / folder).rglob("*.py")):
            if "api" not in path.parts and (texts := _unmarked(ast.parse(path.read_text()))):
                wrong[str(path.relative_to(APP))] = texts
    assert wrong == {}
