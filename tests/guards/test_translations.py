"""Every text is translated and says the same in every language; `make translations` brings new ones into the catalogues."""

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages import Catalog, Message
from babel.messages.frontend import CommandLineInterface
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from app.models.language import LANGUAGES

ROOT = Path(__file__).parents[2]
SOURCE = "en"
# What is the same in Russian: names, abbreviations and what is made of places alone.
SAME = re.compile(r"(%\(\w+\)s|Tokendesk|API|JSON|CSV|URL|EVM|Id|Stripe|[^A-Za-z])*")
# Places, tags, addresses, code: what a translation must not lose, add or write otherwise.
PARTS = re.compile(r"%\(\w+\)s|%%|\{\w*\}|</?\w+[^>]*>|`[^`]+`|https?://\S+\w|\b[A-Z]+_[A-Z_]+\b")
MIXED_WORD = re.compile(r"\b\w*(?:[A-Za-z][а-яё]|[а-яё][A-Za-z])\w*\b", re.IGNORECASE)

languages = pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {SOURCE}))


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Catalog:
    """All texts of the code as it is now, found as `make translations` finds them."""
    path = tmp_path_factory.mktemp("translations") / "messages.pot"
    options = ["-q", "extract", "-F", str(ROOT / "pyproject.toml"), "-o", str(path), str(ROOT)]
    assert not CommandLineInterface().run(["pybabel", *options])
    with path.open("rb") as file:
        return read_po(file)


def _path(language: str) -> Path:
    return ROOT / "app" / "translations" / language / "LC_MESSAGES" / "messages.po"


def _catalogue(language: str) -> Catalog:
    with _path(language).open("rb") as file:
        return read_po(file, locale=language)


def _texts(catalogue: Catalog) -> Iterator[Message]:
    return (message for message in catalogue if message.id)


def _keys(catalogue: Catalog) -> set[tuple[str | None, str | tuple[str, ...]]]:
    return {(message.context, message.id) for message in _texts(catalogue)}


def _forms(message: Message) -> list[str]:
    return list(message.string) if message.pluralizable else [message.string]


@languages
def test_the_catalogue_holds_the_texts_of_the_code_and_no_others(source, language):
    catalogue = _catalogue(language)
    wanted, held = _keys(source), _keys(catalogue)
    assert sorted(map(str, wanted - held)) == [], "make translations brings these into the catalogue"
    assert sorted(map(str, held - wanted)) == [], "make translations drops these"
    assert list(catalogue.obsolete) == []


@languages
def test_every_text_is_translated_in_all_its_forms_and_looked_at(language):
    catalogue = _catalogue(language)
    wrong = {}
    for message in _texts(catalogue):
        forms = _forms(message)
        if message.pluralizable and len(forms) != catalogue.num_plurals:
            wrong[message.id] = f"{len(forms)} forms, not {catalogue.num_plurals}"
        elif not all(form.strip() for form in forms):
            wrong[message.id] = "empty"
        elif message.fuzzy:
            wrong[message.id] = "fuzzy: read it again, then remove the mark"
    assert wrong == {}


@languages
def test_a_translation_keeps_the_places_tags_and_names_of_its_text(language):
    wrong = {}
    for message in _texts(_catalogue(language)):
        # The last of the English forms is the one for many, and names all that there is to name.
        wanted = sorted(PARTS.findall(message.id[-1] if message.pluralizable else message.id))
        for form in _forms(message):
            if sorted(PARTS.findall(form)) != wanted:
                wrong[form] = wanted
    assert wrong == {}


@languages
def test_no_translation_is_left_in_english_or_mixes_alphabets_and_quotes(language):
    forms = [(message, form) for message in _texts(_catalogue(language)) for form in _forms(message)]
    assert [form for message, form in forms if form == message.id and not SAME.fullmatch(form)] == []
    assert [form for _, form in forms if MIXED_WORD.search(PARTS.sub(" ", form))] == []
    assert [form for _, form in forms if re.search(r'[“”"]', PARTS.sub(" ", form))] == [], "Russian quotes are « and »"


@languages
def test_the_compiled_catalogue_is_the_one_that_is_read(language):
    compiled = BytesIO()
    write_mo(compiled, _catalogue(language))
    assert _path(language).with_suffix(".mo").read_bytes() == compiled.getvalue(), "make translations compiles it anew"
