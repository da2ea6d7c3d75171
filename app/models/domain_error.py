"""What can go wrong, by name. Services raise these and nothing else; `app/errors.py` shows them to people and programs."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar, Self


def N_(text: str) -> str:
    """Marks a text for translation where it is defined; it is translated where it is shown."""
    return text


class FieldError(str):
    """What is wrong with a field, where the sentence names values: it reads as the English sentence, and can be translated."""

    text: str
    values: dict[str, Any]

    def __new__(cls, text: str, **values: Any) -> Self:
        """`text` has a `%(name)s` place for each of `values`."""
        error = super().__new__(cls, text % values)
        error.text, error.values = text, values
        return error


def translated(text: str, translate: Callable[..., str]) -> str:
    """What is wrong with a field, as `translate` (gettext) says it."""
    return translate(text.text, **text.values) if isinstance(text, FieldError) else translate(text)


class DomainError(Exception):
    """A refusal that a caller can understand.

    `code` never changes, `status` is the HTTP status, `text` an English sentence with `%(name)s` places for `values`,
    `errors` the sentences by field for invalid input, `beside` what the API's answer holds beside the fields of all errors.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 400
    text: str = N_("This could not be done.")

    def __init__(self, text: str | None = None, *, errors: dict[str, list[str]] | None = None, **values: Any):
        self.text = text or type(self).text
        self.errors = errors or {}
        self.values = values
        self.beside: dict[str, Any] = {}
        super().__init__(self.text % {name: _plain(value) for name, value in values.items()} if values else self.text)


def _plain(value: Any) -> Any:
    """A value as a log or a terminal shows it; pages have the reader's own way."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if isinstance(value, datetime) else value


class InvalidInput(DomainError):
    """A field holds what it must not; `errors` says which and what to do."""

    code, status = "invalid_input", 400
    text = N_("Please check what you entered.")

    def __str__(self) -> str:
        details = "; ".join(f"{field}: {' '.join(said)}" for field, said in self.errors.items())
        return f"{super().__str__()} {details}".strip()


class InvalidJson(DomainError):
    """A body is no JSON, or leaves room for two meanings."""

    code, status = "invalid_json", 400
    text = N_("The body is not JSON.")


class UseCursor(DomainError):
    """A page that lies too deep to be reached by its number; values: `most`, how many rows may be skipped."""

    code, status = "use_cursor", 400
    text = N_("This page is too deep for its number: go on from the last row that you have.")


class NotFound(DomainError):
    """Not there, or not the caller's: the two look alike on purpose."""

    code, status = "not_found", 404
    text = N_("Not found.")


class Forbidden(DomainError):
    """The actor lacks the permission."""

    code, status = "forbidden", 403
    text = N_("You do not have permission to do this.")


class UserInactive(DomainError):
    """The user was deactivated."""

    code, status = "user_inactive", 403
    text = N_("This account is deactivated.")


class UserProtected(DomainError):
    """The user has a password or a permission: nobody but they and other people say who they are, and no program acts as them."""

    code, status = "user_protected", 409
    text = N_("This user has a password or permissions: no API key changes who they are or signs them in.")


class BadCredentials(DomainError):
    """E-mail and password do not belong together; which of them is wrong is not said."""

    code, status = "bad_credentials", 401
    text = N_("E-mail or password is wrong.")


class WrongCode(DomainError):
    """Neither a code that the user's authenticator app shows now, and that was not used yet, nor one of their recovery codes."""

    code, status = "wrong_code", 400
    text = N_("This code is wrong, or was used already. Wait for the next one in your app and try again.")


class TwoFactorNeeded(DomainError):
    """Users with permissions must have set up two-factor sign-in here, and this one has not."""

    code, status = "two_factor_needed", 403
    text = N_("Users with permissions need two-factor sign-in here. Set it up first.")


class LinkUnusable(NotFound):
    """A link that lets its holder in is unknown, used or expired, or no longer for this user; which of it is not said."""

    text = N_("This link does not work any more.")


class SignInNeeded(DomainError):
    """Nobody is signed in, or the session has ended."""

    code, status = "sign_in_needed", 401
    text = N_("Please sign in.")


class BadKey(DomainError):
    """There is no live API key with the secret that was shown."""

    code, status = "bad_key", 401
    text = N_("This API key is unknown, expired or revoked.")


class ForeignOrigin(DomainError):
    """A page of another site tried to use the session of somebody who is signed in here."""

    code, status = "origin", 403
    text = N_("This call does not come from a page of this site. Programs use an API key.")


class TooManyAttempts(DomainError):
    """A limit on attempts was reached; `retry_after` is in seconds."""

    code, status = "too_many_attempts", 429
    text = N_("Too many attempts. Please wait a few minutes and try again.")


class TooManyRequests(DomainError):
    """A program calls more often than it may; `retry_after` is in seconds."""

    code, status = "too_many_requests", 429
    text = N_("You call too often. Please wait a moment and try again.")


class AlreadyExists(DomainError):
    """Something with this name is there already."""

    code, status = "already_exists", 409
    text = N_("This is already taken.")


class LastAdmin(DomainError):
    """Nobody would be left who manages users."""

    code, status = "last_admin", 409
    text = N_("This is the last user who may manage users. Give somebody else the role admin first.")


class InsufficientTokens(DomainError):
    """Fewer tokens are available than needed; values: `available`, `needed`, `resets_at` (None without an allowance)."""

    code, status = "insufficient_tokens", 402
    text = N_("Not enough tokens: %(needed)s needed, %(available)s available.")


class TooManyHolds(DomainError):
    """The account has as many open holds as it may."""

    code, status = "too_many_holds", 409
    text = N_("Too many open holds: settle or release one first.")


class TooManyGrants(DomainError):
    """The account has as many expiring grants as it may."""

    code, status = "too_many_grants", 409
    text = N_("Too many expiring grants: let one expire or be used first.")


class BalanceTooLarge(DomainError):
    """The balance would pass 2**53-1, beyond which not every program counts exactly."""

    code, status = "balance_too_large", 409
    text = N_("The balance would become too large.")


class KeyReused(DomainError):
    """The idempotency key was used before, with other content."""

    code, status = "idempotency_key_reused", 409
    text = N_("This idempotency key was already used for something else.")


class HoldClosed(DomainError):
    """The hold was already settled or released, otherwise than asked now."""

    code, status = "hold_closed", 409
    text = N_("This hold is already closed.")


class AlreadyDecided(DomainError):
    """The request's status does not allow the step; values: `number`, `status`, `by` (a name), `at`."""

    code, status = "already_decided", 409
    text = N_("Request #%(number)s is already %(status)s, by %(by)s on %(at)s.")


class AlreadyProcessed(AlreadyDecided):
    """The same, as clients of quota requests know it; values as there."""

    status = 400
    text = N_("Request already processed")


class ChangedMeanwhile(DomainError):
    """The page that the decision came from shows an older version."""

    code, status = "changed", 409
    text = N_("Request #%(number)s has changed since you opened it. Read it again, then decide.")


class ChangedByOther(DomainError):
    """Somebody changed or removed the thing since the form was opened."""

    code, status = "changed", 409
    text = N_("Somebody has changed this since you opened it. Look at it again, then repeat your change.")


class AlreadyPending(DomainError):
    """The user has an open request of the kind; values: `number`."""

    code, status = "already_pending", 400
    text = N_("You already have a pending token request")


class AlreadyRequested(DomainError):
    """The user's earlier request keeps them from another one of a kind that everybody has once; values: `number`."""

    code, status = "already_requested", 400
    text = N_("You have already requested beta access")


class AlreadyListed(DomainError):
    """The token is in the catalogue; values: `symbol`."""

    code, status = "already_listed", 409
    text = N_("%(symbol)s is in the catalogue already.")


class Duplicate(DomainError):
    """There is an open request for this token.

    Values: `number`, `symbol`, `supporters`, whether it is the user's `own`, and `is_supporter`.
    """

    code, status = "duplicate", 409
    text = N_("Request #%(number)s asks for this token already.")


class DailyLimit(DomainError):
    """As many requests as a day allows; values: `limit`, `next_allowed_at`."""

    code, status = "daily_limit", 429
    text = N_("Maximum %(limit)s token requests per day")


class NoAllowance(DomainError):
    """The user's tier has no allowance that could be reset."""

    code, status = "no_allowance", 409
    text = N_("Your tier has no allowance to reset.")


class SlotTaken(DomainError):
    """Another request has taken the place of this one, which cannot be reopened; values: `number`."""

    code, status = "slot_taken", 409
    text = N_("Request #%(number)s has taken its place.")


class NotDeletable(DomainError):
    """Only what was refused is ever deleted; values: `number`."""

    code, status = "not_deletable", 409
    text = N_("Request #%(number)s is neither rejected nor spam, so it stays.")


class TooEarly(DomainError):
    """A refused request is kept for a while before it may be deleted; values: `number`, `next_allowed_at`."""

    code, status = "too_early", 409
    text = N_("Request #%(number)s may be deleted from %(next_allowed_at)s on.")


class TooManyOrders(DomainError):
    """The user has as many orders to pay as anybody may have; values: `most`."""

    code, status = "too_many_orders", 409
    text = N_("You have %(most)s orders that are not paid. Pay or cancel one of them first.")


class NotPaid(DomainError):
    """Only the money of a paid order can be given back; values: `number`."""

    code, status = "not_paid", 409
    text = N_("Order #%(number)s is not paid, so there is nothing to give back.")


class WorkOutstanding(DomainError):
    """What an earlier decision brings is not all done yet."""

    code, status = "work_outstanding", 409
    text = N_("What the last decision brings is not done yet. Finish it first, then try again.")


class AssistantUnavailable(DomainError):
    """Nobody answers in the chat: no assistant is active, or the model behind it is away.

    Values: `failure` (of `models.message.Failure`) and `retry_after`, seconds, where they are known.
    """

    code, status = "assistant_unavailable", 503
    text = N_("The assistant cannot answer at the moment. Nothing was charged; please try again soon.")


class LastAssistant(DomainError):
    """Nobody would be left who answers in the chat, and the caller has not said that this is meant."""

    code, status = "last_assistant", 409
    text = N_("This is the last active assistant. Without it, the chat tells everybody that it is unavailable.")


class FiguresNotTaken(DomainError):
    """The figures of all accounts have not been taken once yet."""

    code, status = "not_taken_yet", 503
    text = N_("The figures have not been taken yet. A worker takes them about once a minute.")


class Busy(DomainError):
    """Too many at once on one thing; nothing was done."""

    code, status = "busy", 503
    text = N_("Too much is going on at once. Please try again in a moment.")


class PaymentUnavailable(Busy):
    """The payment service did not do what it was asked; the same may be asked again."""

    code = "payment_unavailable"
    text = N_("The payment service cannot be reached at the moment. Please try again in a moment.")


class PaymentRefused(DomainError):
    """The payment service does not do what it was asked, and will not when asked again; values: `why`, a code of its."""

    code, status = "payment_refused", 502
    text = N_("The payment service refused this (%(why)s). Please tell the people who run this site.")


class BadSignature(DomainError):
    """An event does not come from the payment service, or comes too late."""

    code, status = "bad_signature", 400
    text = N_("The signature does not belong to this event, or is too old.")


class Unavailable(DomainError):
    """The database did not answer: the outcome is unknown, and the same key makes a repeat safe."""

    code, status = "unavailable", 503
    text = N_("The database did not answer. Please try again; with the same key nothing happens twice.")
