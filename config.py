"""Every setting, typed and commented. Values come from the environment (or `.env`) when `load()` is called.

`docs/configuration.md` lists the same settings for operators; `.env.example` is a starting point.
"""

import os
import re
from collections.abc import Iterable
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from babel.numbers import list_currencies
from dotenv import dotenv_values
from pydantic import BaseModel, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

ENV_FILE = Path(os.environ.get("ENV_FILE") or Path(__file__).parent / ".env")
# A scheme, a host, perhaps a port and a path; neither user nor query.
_BASE_URL = re.compile(r"https?://([\w.-]+|\[[0-9a-f:]+\])(:\d{1,5})?(/[\w./~-]*)?", re.ASCII | re.IGNORECASE)

Tokens = Annotated[int, Field(strict=False, ge=0, le=1_000_000_000)]


class Tier(BaseModel):
    """What a tier allows: `limit` tokens in each period of `period_days`; without an allowance both are 0."""

    limit: Tokens = 0
    period_days: Annotated[int, Field(ge=0, le=366)] = 0


class Package(BaseModel):
    """What can be bought: `tokens` for `price` whole units of CURRENCY."""

    tokens: Annotated[int, Field(ge=1, le=1_000_000_000)]
    price: Annotated[int, Field(ge=1, le=10_000_000)]


class Config(BaseSettings):
    """Settings that hold in every environment."""

    model_config = SettingsConfigDict(env_file=ENV_FILE, extra="ignore", validate_default=True)

    ENVIRONMENT: str = "development"
    # Signs cookies and forms. In development `flask serve` keeps one in instance/.
    SECRET_KEY: str = ""
    # mongodb://… with the database's name; empty means the embedded MongoDB under instance/.
    MONGODB_URI: str = ""
    # Where the embedded MongoDB, the key for development and the demo's passwords live; empty means instance/ beside app/.
    INSTANCE_FOLDER: str = ""
    # Where `flask serve` listens, on 127.0.0.1.
    PORT: Annotated[int, Field(ge=1, le=65_535)] = 5_000
    # The address that links in messages start with, and the only host that is answered when set.
    PUBLIC_URL: str = ""
    # How many reverse proxies stand in front of the app and set X-Forwarded-For, -Proto and -Host.
    TRUSTED_PROXIES: Annotated[int, Field(ge=0, le=5)] = 0
    # The zone whose midnight begins a new day for "three a day"; users choose their own for display.
    TIME_ZONE: str = "UTC"
    DEFAULT_LOCALE: Literal["en", "ru"] = "en"
    # The largest request body, in bytes.
    MAX_CONTENT_LENGTH: int = 64 * 1024
    LOG_LEVEL: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    # What Prometheus shows to read /metrics; empty: there is no such page.
    METRICS_KEY: str = ""
    # Where `flask worker` shows the same without a key, on 127.0.0.1; 0: nowhere.
    METRICS_PORT: Annotated[int, Field(ge=0, le=65_535)] = 0
    # Pages that one address may ask for in a minute of one worker process.
    REQUESTS_A_MINUTE: Annotated[int, Field(ge=1)] = 600
    SESSION_COOKIE_NAME: str = "tokendesk"
    SESSION_COOKIE_SAMESITE: str = "Lax"

    # --- people ---
    # Whether people make their own accounts, or only operators and admins make them.
    REGISTRATION: Literal["closed", "open"] = "closed"
    # The host that sends our mail; empty means none. With one, the initial tokens come with the confirmed e-mail address.
    MAIL_SERVER: str = ""
    MAIL_PORT: Annotated[int, Field(ge=1, le=65_535)] = 587
    # starttls: a plain connection is encrypted before anything is said; tls: it is encrypted from the start (port 465).
    MAIL_TLS: Literal["starttls", "tls", "none"] = "starttls"
    MAIL_USERNAME: str = ""
    MAIL_PASSWORD: str = ""
    # Whom our mail comes from: an address, or a name and an address.
    MAIL_FROM: str = ""
    # Where set, only these addresses may hold a permission.
    ADMIN_EMAILS: list[str] = []
    SESSION_IDLE_HOURS: Annotated[int, Field(ge=1)] = 12
    SESSION_DAYS: Annotated[int, Field(ge=1)] = 7
    # Whether users with permissions must set up two-factor sign-in before they do anything else.
    REQUIRE_TWO_FACTOR: bool = False
    # Sign-in attempts in five minutes, for an address and for an account from an address.
    SIGN_IN_ATTEMPTS: Annotated[int, Field(ge=1)] = 10
    # Sign-in attempts an hour on one account from browsers that never signed in to it.
    SIGN_IN_ATTEMPTS_UNKNOWN_DEVICE: Annotated[int, Field(ge=1)] = 50

    # --- audit ---
    # A file to which each anchor of the audit chain is appended, best on another machine's disk; empty: only the log has them.
    AUDIT_ANCHOR_FILE: str = ""

    # --- webhooks ---
    # Whether webhooks may lead to private networks and to this very machine.
    WEBHOOK_ALLOW_PRIVATE: bool = False

    # --- token accounts ---
    TIERS: dict[str, Tier] = {
        "free": Tier(limit=100_000, period_days=7),
        "pro": Tier(limit=1_000_000, period_days=7),
        "prepaid": Tier(),
    }
    DEFAULT_TIER: str = "free"
    INITIAL_TOKENS: Tokens = 50_000
    # Available tokens under which a user is warned.
    LOW_BALANCE_TOKENS: Tokens = 1_000

    # --- token requests ---
    QUOTA_REQUESTS_A_DAY: Annotated[int, Field(ge=1, le=100)] = 3
    LISTING_REQUESTS_A_DAY: Annotated[int, Field(ge=1, le=100)] = 5
    REQUEST_EXPIRY_DAYS: Annotated[int, Field(ge=1)] = 30
    # Whether somebody who was not let into the beta program may ask again.
    BETA_REAPPLY: bool = False

    # --- catalogue ---
    # What the published list of tokens calls itself: up to 30 letters, digits and spaces.
    CATALOGUE_NAME: Annotated[str, Field(pattern=r"^[A-Za-z0-9 ]{1,30}$")] = "Tokendesk"

    # --- chat ---
    # How many tokens of conversation go along with a new message.
    CHAT_CONTEXT_TOKENS: Annotated[int, Field(ge=100)] = 4_000
    # With fewer available tokens than this nothing is sent: the user is out of tokens.
    CHAT_MIN_TOKENS: Annotated[int, Field(ge=1)] = 200
    # Answers that one process writes at once; more get 503 with nothing held.
    CHAT_ANSWERS_AT_ONCE: Annotated[int, Field(ge=1)] = 24
    # An OpenAI-compatible server, with the path before /chat/completions; empty means the built-in demo assistant.
    CHAT_BASE_URL: str = ""
    # What that server knows us by; empty sends none.
    CHAT_API_KEY: str = ""
    # The model of assistants whose model is "default", as the one is that every installation begins with.
    CHAT_MODEL: Annotated[str, Field(min_length=1)] = "gpt-4o-mini"
    # How long that server may take to accept a connection, to send something more, and to answer in all.
    CHAT_CONNECT_SECONDS: Annotated[int, Field(ge=1, le=60)] = 5
    CHAT_SILENCE_SECONDS: Annotated[int, Field(ge=1, le=300)] = 45
    CHAT_ANSWER_SECONDS: Annotated[int, Field(ge=1, le=540)] = 300

    # --- billing ---
    # What can be bought, in the order in which it is shown; {} sells nothing.
    PACKAGES: dict[Annotated[str, Field(pattern="^[a-z0-9][a-z0-9_-]{0,39}$")], Package] = {
        "basic": Package(tokens=50_000, price=149),
        "extended": Package(tokens=200_000, price=499),
        "professional": Package(tokens=1_000_000, price=1_990),
    }
    # ISO 4217.
    CURRENCY: str = "RUB"
    # Who says that an order is paid: an admin who manages billing, or Stripe.
    PAYMENT_PROVIDER: Literal["manual", "stripe"] = "manual"
    # What users read beside an order that an admin confirms: where the money goes. Plain text.
    PAYMENT_INSTRUCTIONS: str = ""
    STRIPE_SECRET_KEY: str = ""
    # Signs what Stripe sends to /api/stripe/events; without it nothing is taken there.
    STRIPE_WEBHOOK_SECRET: str = ""
    # Another address than Stripe's own, for tests and gateways.
    STRIPE_API_BASE: str = ""

    @field_validator("INSTANCE_FOLDER")
    @classmethod
    def _absolute(cls, value: str) -> str:
        return str(Path(value).absolute()) if value else ""

    @field_validator("CHAT_BASE_URL")
    @classmethod
    def _without_last_slash(cls, value: str) -> str:
        return value.strip().rstrip("/")

    @field_validator("CHAT_API_KEY", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "STRIPE_API_BASE")
    @classmethod
    def _trimmed(cls, value: str) -> str:
        # What comes out of a file of secrets often ends with a line break.
        return value.strip()

    @field_validator("TIME_ZONE")
    @classmethod
    def _known_time_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is no time zone; use a name such as Europe/Berlin")
        return value

    @field_validator("CURRENCY")
    @classmethod
    def _known_currency(cls, value: str) -> str:
        if value not in list_currencies():
            raise ValueError(f"{value!r} is no currency; use its three letters, such as EUR")
        return value

    def problems(self) -> list[str]:
        """What is missing or unsafe, a sentence each; `create_app` refuses to start with any."""
        found = []
        if self.DEFAULT_TIER not in self.TIERS:
            found.append(f"DEFAULT_TIER is {self.DEFAULT_TIER!r}, but TIERS has only {', '.join(self.TIERS)}.")
        found += [
            f"TIERS: {name} needs both a limit and period_days, or neither."
            for name, tier in self.TIERS.items()
            if bool(tier.limit) != bool(tier.period_days)
        ]
        return found + self._chat_problems() + self._billing_problems() + self._mail_problems()

    def _mail_problems(self) -> list[str]:
        found = []
        if self.MAIL_SERVER and not re.fullmatch(r"[^@]+@[^@\s]+", parseaddr(self.MAIL_FROM)[1]):
            found.append("MAIL_FROM must be the address that our mail comes from, as MAIL_SERVER is set.")
        if self.MAIL_PASSWORD and self.MAIL_TLS == "none":
            found.append("MAIL_PASSWORD would be sent readable for everybody: set MAIL_TLS to starttls or tls.")
        return found

    def _billing_problems(self) -> list[str]:
        if self.PAYMENT_PROVIDER != "stripe":
            return []
        return [
            f"PAYMENT_PROVIDER is stripe, but {name} is not set."
            for name in ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET")
            if not getattr(self, name)
        ]

    def _chat_problems(self) -> list[str]:
        found = []
        if self.CHAT_BASE_URL and not _BASE_URL.fullmatch(self.CHAT_BASE_URL):
            found.append(
                "CHAT_BASE_URL must be an http:// or https:// address such as https://api.openai.com/v1, without a key."
            )
        if self.CHAT_API_KEY and not self.CHAT_BASE_URL:
            found.append("CHAT_API_KEY is set, but CHAT_BASE_URL does not say whose it is.")
        if not (self.CHAT_API_KEY.isascii() and self.CHAT_API_KEY.isprintable()):
            found.append("CHAT_API_KEY holds characters that no header can carry.")
        return found

    def check(self) -> None:
        """Ends the program with the list of all problems, where there are any."""
        if found := self.problems():
            raise SystemExit(_report(found))


class Development(Config):
    """A laptop: the embedded MongoDB, plain HTTP on loopback."""


class Testing(Config):
    """The test suite, which gives its own database and lowers nothing but the cost of what it does not test."""

    ENVIRONMENT: str = "testing"
    SECRET_KEY: str = "only-for-tests-" + "x" * 32
    TESTING: bool = True

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: Any, **__: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what a test says: the developer's own environment must not change what is tested."""
        return (init_settings,)


class Production(Config):
    """A server: nothing has a usable default that would be unsafe."""

    ENVIRONMENT: str = "production"
    SESSION_COOKIE_SECURE: bool = True
    # Browsers take a cookie of such a name only from this very host, over https.
    SESSION_COOKIE_NAME: str = "__Host-tokendesk"

    def problems(self) -> list[str]:
        """As `Config.problems`, with what only production needs."""
        found = super().problems()
        if len(self.SECRET_KEY) < 32:
            found.append(
                "SECRET_KEY needs at least 32 random characters: python -c 'import secrets; print(secrets.token_urlsafe(48))'"
            )
        if not self.MONGODB_URI:
            found.append("MONGODB_URI is not set: the embedded MongoDB is for trial and development only.")
        if not self.PUBLIC_URL.startswith("https://"):
            found.append("PUBLIC_URL must be the https:// address that users open.")
        if self.METRICS_KEY and len(self.METRICS_KEY) < 20:
            found.append("METRICS_KEY needs at least 20 random characters.")
        if self.STRIPE_API_BASE and not self.STRIPE_API_BASE.startswith("https://"):
            found.append("STRIPE_API_BASE must be an https:// address: the secret key goes there.")
        return found


ENVIRONMENTS: dict[str, type[Config]] = {"development": Development, "testing": Testing, "production": Production}


def load() -> Config:
    """The settings of the environment that ENVIRONMENT names (development where it is not set)."""
    name = os.environ.get("ENVIRONMENT") or dotenv_values(ENV_FILE).get("ENVIRONMENT") or "development"
    if name not in ENVIRONMENTS:
        raise SystemExit(f"ENVIRONMENT is {name!r}; it must be one of {', '.join(ENVIRONMENTS)}.")
    try:
        return ENVIRONMENTS[name]()
    except ValidationError as error:
        raise SystemExit(_report(_sentence(detail) for detail in error.errors())) from None
    except SettingsError as error:
        raise SystemExit(_report([f"{error}: lists and tables are written as JSON."])) from None


def _sentence(detail: ErrorDetails) -> str:
    name = ".".join(str(part) for part in detail["loc"])
    # What was given is not repeated: it may be a secret.
    return f"{name}: {detail['msg']}."


def _report(problems: Iterable[str]) -> str:
    return "\n".join(["Tokendesk cannot start with these settings:", *(f"  - {problem}" for problem in problems)])
