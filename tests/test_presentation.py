"""How values become text for a reader."""

import time
from datetime import UTC, date, datetime, timedelta

import pytest
from flask_babel import force_locale
from markupsafe import Markup

from app import clock, presentation


@pytest.mark.parametrize(
    ("locale", "number", "text"),
    [
        ("en", 0, "0"),
        ("en", 999, "999"),
        ("en", 1_234, "1.2K"),
        ("en", 45_234_567, "45.2M"),
        ("en", 150_000, "150K"),
        ("ru", 45_234_567, "45,2\xa0млн"),
    ],
)
def test_compact_numbers_keep_one_decimal(locale, number, text):
    with force_locale(locale):
        assert presentation.compact(number) == text


@pytest.mark.parametrize(
    ("locale", "value", "text"),
    [("en", 0, "0%"), ("en", 42.3, "42.3%"), ("en", 99.96, "100%"), ("ru", 42.3, "42,3\xa0%")],
)
def test_percentages_keep_at_most_one_decimal(locale, value, text):
    with force_locale(locale):
        assert presentation.percent(value) == text


def test_what_we_wrote_of_a_ledger_entry_is_translated_and_what_others_wrote_is_not(monkeypatch):
    monkeypatch.setattr(presentation, "_", lambda text, **values: f"translated: {text % values}")
    for text in ("Chat answer", "Initial grant", "Request #42 approved", "Order #7 refunded"):
        assert presentation.description(text) == f"translated: {text}"
    for text in ("", "gpt-4o", "Order #7", "Request # approved", "Request #%(number)s approved too", "100% of #1"):
        assert presentation.description(text) == text


@pytest.mark.parametrize(("locale", "text"), [("en", "1,234,567"), ("ru", "1\xa0234\xa0567")])
def test_numbers_are_grouped_as_the_reader_does_it(app, locale, text):
    with force_locale(locale):
        assert app.jinja_env.filters["number"](1_234_567) == text


@pytest.mark.parametrize(
    ("most", "top"),
    [(0, 2), (1, 2), (3, 4), (10, 10), (11, 20), (67_500, 80_000), (100_000, 100_000), (100_001, 200_000)],
)
def test_a_scale_ends_at_a_round_number_that_is_whole_when_halved(most, top):
    assert presentation.top_of_scale(most) == top


@pytest.mark.parametrize(("locale", "text"), [("en", "Nov 7"), ("ru", "7 нояб.")])
def test_a_day_needs_no_year_beside_others(locale, text):
    with force_locale(locale):
        assert presentation.day(date(2026, 11, 7)) == text


def test_times_that_are_not_there_are_empty():
    assert presentation.date(None) == presentation.date_and_time(None) == presentation.ago(None) == ""


def test_times_are_said_from_now(app, monkeypatch):
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: now)
    assert presentation.ago(now - timedelta(hours=3)) == "3 hours ago"
    assert presentation.remaining(now + timedelta(days=2, hours=5, minutes=59)) == "2 days 5 hours"
    assert presentation.remaining(now + timedelta(seconds=1)) == "1 minute"


@pytest.mark.parametrize(
    ("locale", "seconds", "text"),
    [
        ("en", 0, "1 minute"),
        ("en", 61, "2 minutes"),
        ("en", 59 * 60 + 1, "1 hour"),
        ("en", 2 * 3600 + 1, "3 hours"),
        ("en", 48 * 3600, "48 hours"),
        ("en", 48 * 3600 + 1, "3 days"),
        ("ru", 3 * 3600, "3 часа"),
    ],
)
def test_a_duration_is_one_unit_rounded_up(locale, seconds, text):
    with force_locale(locale):
        assert presentation.duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**bold** and `code`", "<p><strong>bold</strong> and <code>code</code></p>"),
        ("one\ntwo", "<p>one<br>\ntwo</p>"),
        ("# Title", "<h3>Title</h3>"),
        ("###### Deep", "<h6>Deep</h6>"),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        ("<img src=x onerror=alert(1)>", "<p>&lt;img src=x onerror=alert(1)&gt;</p>"),
        ("[a](javascript:alert(1))", "<p>[a](javascript:alert(1))</p>"),
        ("![a](https://example.com/track.png)", "<p></p>"),
        ("[a](https://example.com)", '<p><a href="https://example.com" rel="nofollow noopener noreferrer">a</a></p>'),
        ("~~no~~", "<p><s>no</s></p>"),
    ],
)
def test_markdown_becomes_harmless_html(text, html):
    assert presentation.markdown(text).strip() == html


def test_a_table_keeps_no_inline_style():
    html = presentation.markdown("| a |\n|--:|\n| 1 |")
    assert "<td>1</td>" in html
    assert "style" not in html


def test_hostile_markdown_takes_no_time():
    beyond = [
        "![" * 50_000,
        "a|" * 1_000 + "\n" + "-|" * 1_000 + "\nx|" * 5_000,
        "http://a.com/(" * 1_000,
        "x" * 100_001,
    ]
    for text in beyond:
        begun = time.perf_counter()
        assert presentation.markdown(text) == Markup("<pre>{}</pre>").format(text), text[:20]
        assert time.perf_counter() - begun < 1, text[:20]
    assert "<pre>&lt;b&gt;" in presentation.markdown("<b>" + "x" * 100_000)
    whole = (
        "# A long answer\n\n"
        + "It has **many** paragraphs, each of which is fine. " * 10
        + "\n\n| a | b |\n|-|-|\n| 1 | 2 |\n\n"
    )
    assert presentation.markdown(whole * 100).count("<td>") == 200
