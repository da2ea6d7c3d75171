"""A person who signs in, spends tokens and asks for more, or decides for others."""

from typing import Any, ClassVar

from mongoengine import (
    BooleanField,
    DateTimeField,
    DictField,
    Document,
    IntField,
    ListField,
    LongField,
    QuerySet,
    StringField,
)

from app import clock
from app.models.notice_mail import ReviewMail
from app.models.permission import Permission
from app.models.person import Named
from app.models.search_words import parts, searchable, words

# Stands for the name of a person who has deleted their account.
NOBODY = "–"


def search_terms(*, email: str, name: str = "", phone: str | None = None, external_id: str | None = None) -> list[str]:
    """What a search for the beginning of a user's name, a word of it, e-mail, phone or external id compares with.

    Whoever writes one of these fields writes `search` with it.
    """
    email, name = searchable(email), searchable(name)
    terms = (
        email,
        name,
        *words(name),
        *parts(email.partition("@")[0]),
        (phone or "").lstrip("+"),
        searchable(external_id or ""),
    )
    return sorted({term for term in terms if term})


class Users(QuerySet):
    """Queries on users, by name."""

    def active(self) -> "Users":
        """Those who may sign in."""
        return self.filter(active=True)

    def who_may(self, permission: Permission) -> "Users":
        """Active users who hold `permission`."""
        return self.active().filter(permissions=str(permission))

    def newest_first(self) -> "Users":
        """In the order of lists; ids rise with time, so they are also the key of the pages."""
        return self.order_by("-id")


class User(Named, Document):
    """One document a person. `due` holds what follows from a change; `session_epoch` rises to end all sessions."""

    email = StringField(required=True, max_length=254)
    email_confirmed = BooleanField(required=True, default=False)
    # E.164, with its plus.
    phone = StringField(max_length=16)
    phone_confirmed = BooleanField(required=True, default=False)
    name = StringField(max_length=100, default="")
    picture_url = StringField(max_length=2_000)
    external_id = StringField(max_length=128)
    locale = StringField(required=True, default="en")
    time_zone = StringField(required=True, default="UTC")
    tier = StringField(required=True)
    permissions = ListField(StringField())
    active = BooleanField(required=True, default=True)
    password_hash = StringField()
    known_devices = ListField(StringField())
    # Where two-factor sign-in is on: the secret that the authenticator app shares, sealed; the last time step of which a code
    # was accepted; the hashes of the recovery codes that are left.
    totp_secret = StringField()
    totp_step = LongField()
    recovery_codes = ListField(StringField())
    # {id, address, at, epoch}: the e-mail address that the user wants to have, until it is confirmed.
    email_change = DictField(default=None)
    # What the user has chosen about notices by mail, by topic; how requests to review are told of by mail; and when the
    # next digest of them is sent, where one is to be.
    notice_mail = DictField()
    review_mail = StringField(required=True, choices=list(ReviewMail), default=ReviewMail.DAILY.value)
    digest_at = DateTimeField()
    session_epoch = IntField(required=True, default=0)
    # Set while somebody takes this user's rights away, so that two at once cannot remove the last admin.
    leaving_at = DateTimeField()
    created_at = DateTimeField(required=True, default=clock.now)
    # When its owner has deleted the account: nothing of a person is left here.
    deleted_at = DateTimeField()
    last_seen_at = DateTimeField()
    # `search_terms` of the fields above.
    search = ListField(StringField())
    # Whether less is available than an answer in the chat needs, as of the account's `tokens_noted`-th entry; where that is
    # so, when time alone may change it.
    out_of_tokens = BooleanField(required=True, default=False)
    tokens_noted = LongField()
    out_until = DateTimeField()
    due = ListField(DictField())

    # Not stored, set by whoever loads the user to act: whether ADMIN_EMAILS lets this user use permissions at all, and
    # where the user acts through a key, what that key may.
    may_hold_permissions = True
    key_scopes: frozenset[str] | None = None

    meta: ClassVar[dict[str, Any]] = {
        "collection": "users",
        "queryset_class": Users,
        "auto_create_index": False,
        "index_cls": False,
        "indexes": [
            {"fields": ["email"], "unique": True},
            {"fields": ["phone"], "unique": True, "sparse": True},
            {"fields": ["external_id"], "unique": True, "sparse": True},
            {"fields": ["permissions"]},
            {"fields": ["due.at"], "sparse": True},
            # Both serve every combination of the filters, since a filter that is not set asks for each of its values.
            {"fields": ["tier", "active", "out_of_tokens", "-id"]},
            {"fields": ["tier", "active", "out_of_tokens", "search", "-id"]},
            {"fields": ["out_until"], "sparse": True},
            {"fields": ["digest_at"], "sparse": True},
        ],
    }

    # What Flask-Login asks of a user.
    is_authenticated = True
    is_anonymous = False

    @classmethod
    def by_email(cls, email: str) -> "User | None":
        """The user with this normalised e-mail."""
        return cls.objects(email=email).first()

    @property
    def is_active(self) -> bool:
        """Whether the user may sign in."""
        return self.active

    def get_id(self) -> str:
        """The id as text."""
        return str(self.id)

    @property
    def has_two_factor(self) -> bool:
        """Whether signing in asks for a code as well."""
        return self.totp_secret is not None

    @property
    def is_protected(self) -> bool:
        """Whether no program may say who this user is or act as them: they have a password or a permission."""
        return bool(self.password_hash or self.permissions)

    def has(self, permission: Permission) -> bool:
        """Whether the user holds `permission` and may use it."""
        by_key = self.key_scopes is None or permission in self.key_scopes
        return self.active and self.may_hold_permissions and by_key and permission in self.permissions

    @property
    def has_any_permission(self) -> bool:
        """Whether the user sees anything of the admin's side."""
        return any(self.has(permission) for permission in Permission)

    def as_object(self) -> dict[str, str]:
        """How an audit event names this user."""
        return {"kind": "user", "id": str(self.id)}
