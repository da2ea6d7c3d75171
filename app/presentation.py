"""How values become text for a reader: language, time zone, Jinja filters, and what every page shows."""

import re
from collections.abc import Callable
from datetime import date as calendar_date
from datetime import datetime
from decimal import Decimal
from functools import lru_cache, wraps
from math import ceil
from typing import Any, TypeVar

from babel import negotiate_locale
from babel.dates import format_skeleton
from babel.numbers import format_compact_decimal, format_percent
from babel.support import NullTranslations
from babel.units import format_unit
from flask import Flask, g, request
from flask_babel import (
    format_currency,
    format_date,
    format_decimal,
    format_time,
    format_timedelta,
    get_locale,
    get_timezone,
    get_translations,
)
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.local import LocalProxy

from app import clock, language_cookie
from app.extensions import babel
from app.markdown import markdown
from app.models import money
from app.models.blockchain import BLOCKCHAINS, explorer_url
from app.models.language import LANGUAGES
from app.models.ledger_entry import OWN_DESCRIPTIONS
from app.security import is_api
from app.services import notifications, token_accounts

LOCALES = tuple(LANGUAGES)
# A list of fifty rows shows some hundred values, and whoever looks at it looks again.
REMEMBERED = 10_000

Shown = TypeVar("Shown", bound=Callable[..., str])


def init_app(app: Flask) -> None:
    """Binds Babel, the filters and the values that every template may use."""
    app.config.setdefault("BABEL_DEFAULT_LOCALE", app.config["DEFAULT_LOCALE"])
    app.config.setdefault("BABEL_DEFAULT_TIMEZONE", app.config["TIME_ZONE"])
    babel.init_app(app, locale_selector=_locale, timezone_selector=_time_zone)
    # As flask_babel's own, which takes longer to find the catalogue, for each text anew, than the text in it.
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        gettext=lambda text: _texts().ugettext(text),
        ngettext=lambda one, many, number: _texts().ungettext(one, many, number),
        newstyle=True,
        pgettext=lambda context, text: _texts().upgettext(context, text),
        npgettext=lambda context, one, many, number: _texts().unpgettext(context, one, many, number),
    )
    app.jinja_env.filters.update(
        number=number,
        price=price,
        description=description,
        compact=compact,
        short_number=short_number,
        percent=percent,
        date=date,
        datetime=date_and_time,
        day=day,
        time_of_day=time_of_day,
        top_of_scale=top_of_scale,
        ago=ago,
        remaining=remaining,
        time_span=time_span,
        duration=duration,
        markdown=markdown,
        blockchain=blockchain,
    )
    app.jinja_env.globals.update(explorer_url=explorer_url, LANGUAGES=LANGUAGES)
    app.context_processor(_frame)


def _texts() -> NullTranslations:
    """Those of the reader's language."""
    return _catalogue(str(get_locale()))


@lru_cache
def _catalogue(_language: str) -> NullTranslations:
    return get_translations()


def _remembered(shown: Shown) -> Shown:
    """`shown`, which makes the same text of the same values for all readers of a language in a time zone, made once."""

    @lru_cache(maxsize=REMEMBERED, typed=True)
    def made(_language: str, _time_zone: object, *values: object) -> str:
        return shown(*values)

    return wraps(shown)(lambda *values: made(str(get_locale()), get_timezone(), *values))  # type: ignore[return-value]


def _locale() -> str | None:
    if not request:
        # Whoever an e-mail is made for; the command line and the logs speak English.
        return str(g.reader.locale) if "reader" in g else "en"
    if is_api():
        # Programs read English, whoever they act for, unless they ask.
        return _asked_for() or "en"
    if current_user and current_user.is_authenticated:
        return str(current_user.locale)
    return language_cookie.read() or _asked_for()


def _asked_for() -> str | None:
    """The first of the caller's languages that we speak: ru-RU is Russian, whatever comes after it."""
    return negotiate_locale([language for language, quality in request.accept_languages if quality], LOCALES, sep="-")


def _time_zone() -> str | None:
    if request and current_user and current_user.is_authenticated:
        return str(current_user.time_zone)
    return str(g.reader.time_zone) if "reader" in g else None


@_remembered
def number(amount: float | Decimal) -> str:
    """45,234,567."""
    return str(format_decimal(amount))


@_remembered
def compact(number: int) -> str:
    """45.2M for 45,234,567; whole below a thousand."""
    return str(format_compact_decimal(number, fraction_digits=1 if number >= 1_000 else 0, locale=get_locale()))


def short_number(number: int) -> str:
    """The number in full up to a million, from there on compact."""
    return str(format_decimal(number)) if number < 1_000_000 else compact(number)


def price(amount_minor: int, currency: str) -> str:
    """An amount of money, given in minor units."""
    text = str(format_currency(money.exact(amount_minor, currency), currency))
    # Unicode's data wants a space where a currency is called by letters, and Babel leaves it out.
    return re.sub(r"(?<=[A-Za-z])(?=[0-9])", "\u00a0", text)


def description(text: str) -> str:
    """What a ledger entry says of itself: in the reader's language where we wrote it, else as it was written."""
    number = re.search("(?<=#)[0-9]+", text)
    words = text.replace(number[0], "%(number)s") if number else text
    if words not in OWN_DESCRIPTIONS:
        return text
    return str(_(words, number=number[0]) if number else _(words))


@_remembered
def percent(value: float) -> str:
    """`42.5` as "42.5%": the value is in percent already, and keeps at most one decimal."""
    return str(format_percent(Decimal(str(round(value, 1))) / 100, locale=get_locale(), decimal_quantization=False))


@_remembered
def date(moment: datetime | None) -> str:
    """The day in the reader's time zone; nothing for None."""
    return format_date(moment, "medium") if moment else ""


@_remembered
def date_and_time(moment: datetime | None) -> str:
    """Day and time in the reader's time zone; nothing for None."""
    return f"{format_date(moment, 'medium')}, {format_time(moment, 'short')}" if moment else ""


@_remembered
def day(of: calendar_date) -> str:
    """A day without its year: "Nov 21"."""
    return str(format_skeleton("MMMd", of, locale=get_locale()))


@_remembered
def time_of_day(moment: datetime) -> str:
    """Hour and minute in the reader's time zone."""
    return str(format_time(moment, "short"))


def top_of_scale(most: int) -> int:
    """Where the scale of a chart ends that shows amounts up to `most`: a round number, whole when halved."""
    power = 1
    while most > 10 * power:
        power *= 10
    return next(step * power for step in (2, 4, 6, 8, 10) if most <= step * power)


def ago(moment: datetime | None) -> str:
    """ "3 hours ago" or "in 2 days"; nothing for None."""
    return format_timedelta(moment - clock.now(), add_direction=True) if moment else ""


def remaining(moment: datetime) -> str:
    """The `time_span` until `moment`."""
    return time_span((moment - clock.now()).total_seconds())


def time_span(seconds: float) -> str:
    """ "2 days 5 hours": the two largest units, rounded down, and at least a minute."""
    minutes = max(1, int(seconds // 60))
    parts = {"day": minutes // 1440, "hour": minutes // 60 % 24, "minute": minutes % 60}
    first = next(index for index, amount in enumerate(parts.values()) if amount)
    shown = [(unit, amount) for unit, amount in list(parts.items())[first : first + 2] if amount]
    return " ".join(format_unit(amount, f"duration-{unit}", locale=get_locale()) for unit, amount in shown)


def duration(seconds: int) -> str:
    """ "3 hours": one unit, rounded up, so that it may stand after "within"."""
    minutes = max(1, ceil(seconds / 60))
    unit, each = ("minute", 1) if minutes < 60 else ("hour", 60) if minutes <= 48 * 60 else ("day", 24 * 60)
    return str(format_unit(ceil(minutes / each), f"duration-{unit}", locale=get_locale()))


def blockchain(key: str) -> str:
    """A blockchain as people know it; its key where the table has it no more."""
    return BLOCKCHAINS[key].label if key in BLOCKCHAINS else key


def _frame() -> dict[str, Any]:
    """What the frame of every page shows, each read only where a template asks for it."""
    return {
        "account": LocalProxy(_account),
        "unread": LocalProxy(_unread),
        "is_admin": LocalProxy(_is_admin),
        "language": LocalProxy(_language),
    }


def _account() -> Any:
    if not current_user.is_authenticated:
        return None
    if "account" not in g:
        g.account = token_accounts.view(current_user.id)
    return g.account


def _unread() -> int:
    if not current_user.is_authenticated:
        return 0
    if "unread" not in g:
        g.unread = notifications.unread_count(current_user.id)
    return int(g.unread)


def _is_admin() -> bool:
    return bool(current_user.is_authenticated and current_user.has_any_permission)


def _language() -> str:
    return str(get_locale()).replace("_", "-")
