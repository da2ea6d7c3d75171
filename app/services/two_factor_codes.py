"""The second factor: codes that an authenticator app shows (TOTP, RFC 6238), and recovery codes for whoever lost theirs.

A code counts once. Each is taken by one conditional update of the user, so that of a hundred at the same moment one passes.
"""

import hashlib
import secrets
from base64 import b32encode

from bson import ObjectId
from limits import RateLimitItemPerDay
from pyotp import TOTP
from pyotp.exceptions import OTPVerificationError

from app import clock
from app.models.actor import Actor
from app.models.audit_event import Action
from app.models.domain_error import WrongCode
from app.models.user import User
from app.services import attempts, due, sealed, security_notices, users

ISSUER = "Tokendesk"
# How many steps of 30 seconds an app's clock may be off.
STEPS_OFF = 1
# Of a million codes three pass at any moment: who knows the password and tries so many finds one in thirty years.
CODES_A_DAY = RateLimitItemPerDay(30)
# 66 bits each: as digits, so that one field with a phone's number pad takes both kinds.
RECOVERY_CODES, GROUPS, GROUP = 10, 4, 5
SPACING = str.maketrans("", "", " -\u00a0\t")


def new_secret() -> str:
    """160 bits, as RFC 4226 wants them, in base32."""
    return b32encode(secrets.token_bytes(20)).decode()


def provisioning_uri(secret: str, account: str) -> str:
    """What a QR code tells an authenticator app."""
    return TOTP(secret).provisioning_uri(name=account, issuer_name=ISSUER)


def step_of(secret: str, code: str) -> int:
    """The time step to which the app's code belongs; raises `WrongCode` where it is none of now."""
    try:
        return TOTP(secret).verify_and_get_timecode(_digits(code), for_time=clock.now(), valid_window=STEPS_OFF)
    except OTPVerificationError:
        raise WrongCode from None


def new_recovery_codes() -> list[str]:
    """Codes to be shown once."""
    return ["-".join(f"{secrets.randbelow(10**GROUP):0{GROUP}}" for _ in range(GROUPS)) for _ in range(RECOVERY_CODES)]


def recovery_hash(user_id: ObjectId, code: str) -> str:
    """What is kept of a recovery code: salted, and slow to try, as NIST SP 800-63B has it for less than 112 bits."""
    return hashlib.scrypt(_digits(code).encode(), salt=user_id.binary, n=2**10, r=8, p=1).hex()


def accept(user: User, code: str, *, where: str, by: Actor) -> None:
    """Uses the code up, of the app or for recovery; raises `WrongCode`, or `TooManyAttempts` from `where` on this account."""
    for limit in (attempts.few(), CODES_A_DAY):
        attempts.count(limit, "code", str(user.id), where)
    if len(_digits(code)) == GROUPS * GROUP:
        _use_recovery_code(user, code, by)
    else:
        _use_step(user, code)


def _use_step(user: User, code: str) -> None:
    secret = sealed.unseal(user.totp_secret, of=str(user.id))
    if secret is None:
        raise WrongCode
    step = step_of(secret, code)
    unused = {"_id": user.id, "totp_secret": user.totp_secret, "totp_step": {"$lt": step}}
    if not User._get_collection().update_one(unused, {"$set": {"totp_step": step}}).modified_count:
        raise WrongCode


def _use_recovery_code(user: User, code: str, by: Actor) -> None:
    kept = recovery_hash(user.id, code)
    said = users.audit_item(user, Action.USER_USE_RECOVERY_CODE, by=by)
    told = security_notices.item(user, security_notices.What.RECOVERY_CODE, at=clock.now())
    used = {"$pull": {"recovery_codes": kept}, "$push": {"due": {"$each": [said, told]}}}
    if not User._get_collection().update_one({"_id": user.id, "recovery_codes": kept}, used).modified_count:
        raise WrongCode
    due.perform(User, user.id)


def _digits(code: str) -> str:
    """A code as it counts, however it was spaced; raises `WrongCode` for what is none."""
    digits = code.translate(SPACING)
    if not (digits.isascii() and digits.isdigit()):
        raise WrongCode
    return digits
