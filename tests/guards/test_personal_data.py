"""All that is kept about a person is told to that person, or it stands here why not."""

from app.db import DOCUMENTS
from app.models.audit_event import AuditEvent
from app.models.ledger_entry import LedgerEntry
from app.models.login_session import LoginSession
from app.models.message import Message
from app.models.token_account import TokenAccount
from app.models.token_request import BetaRequest, ListingRequest, QuotaRequest, TokenRequest
from app.models.user import User
from app.services.personal_export import LISTS, MESSAGE, PROFILE

# Told by the ledger's own export, and by the account as time has left it.
TOLD_ELSEWHERE = {LedgerEntry, TokenAccount}
NOTHING_PERSONAL = {
    "Assistant": "of the site",
    "AuditAnchor": "hashes",
    "AuditSeal": "hashes, and digests of texts that tell nothing without the event",
    "CannedResponse": "of the site; who wrote one is in the trail",
    "CatalogueToken": "public; the admin who took one out is in the trail",
    "Counter": "of the site",
    "DailyFigures": "sums over all",
    "DemoCrowd": "of the site",
    "FoldState": "sums over all",
    "KeptFigures": "sums over all; the top ten are read anew each minute",
    "PasswordReset": "an address that somebody has typed, for a day",
    "RateLimitWindow": "counts of minutes and hours",
    "ReviewBatch": "what a reviewer did to the requests of others",
    "SignInLink": "a path, for a day",
    "TokenList": "public",
    "Webhook": "of the site",
    "WorkerHeartbeat": "of the site",
}
# What of the documents that are told is not: secrets, what others wrote for each other, and how the site works.
EVERYWHERE = {"id", "user", "owner", "due", "_cls"}
WITHHELD = {
    "User": {
        *(
            "password_hash",
            "known_devices",
            "totp_secret",
            "totp_step",
            "recovery_codes",
            "session_epoch",
            "leaving_at",
        ),
        *("search", "tokens_noted", "out_until", "digest_at", "deleted_at"),
    },
    "TokenRequest": {
        *("notes", "version", "waiting_since", "open_key", "day_key", "wakes_at", "reservation", "removal"),
        *("symbol_skeleton", "search"),
    },
    "Support": {"slot"},
    "Order": {"key", "checkout", "discrepancies"},
    "Conversation": {"key", "words", "removed_at"},
    "Message": {
        *("key", "by", "words", "price", "prompt_tokens", "max_tokens", "hold_id", "lease_until", "stop_asked"),
    },
    "Notification": {"key"},
    "Delivery": {
        *("key", "kind", "channel", "values", "webhook", "attempts", "next_at", "last_error", "expires_at"),
    },
    "ApiKey": {"digest", "idempotency_key", "created_by"},
    "LoginSession": {"epoch"},
    "AuditEvent": {"key", "reason", "request_id", "batch", "outcome", "seq", "salts", "erased"},
}
PARTS = (PROFILE, MESSAGE, *LISTS.values())


def fields(document):
    kinds = (QuotaRequest, BetaRequest, ListingRequest) if document is TokenRequest else (document,)
    return {name for kind in kinds for name in kind._fields}


def test_every_collection_is_told_or_holds_nothing_personal():
    told = {part.document for part in PARTS} | TOLD_ELSEWHERE
    rest = {document.__name__ for document in DOCUMENTS if document not in told}
    assert rest == NOTHING_PERSONAL.keys()


def test_every_field_of_what_is_told_is_told_or_withheld_on_purpose():
    for part in PARTS:
        told, withheld = {*part.told} - {"_id"}, WITHHELD[part.document.__name__]
        assert fields(part.document) - EVERYWHERE == told | withheld, part.document
        assert not told & withheld, part.document


def test_what_a_person_did_and_where_they_are_signed_in_is_read_by_an_index():
    for document in (User, Message, AuditEvent, LoginSession):
        part = next(part for part in PARTS if part.document is document)
        plan = document._get_collection().find(part.about(User().id)).sort("_id", 1).limit(500).explain()
        assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"]), document
