"""The extension objects, made here and bound to the app in `create_app`."""

from flask import Flask
from flask_babel import Babel
from flask_bootstrap import Bootstrap5
from flask_limiter import Limiter
from flask_login import LoginManager
from flask_wtf import CSRFProtect

from app import rate_limits

babel = Babel()
bootstrap = Bootstrap5()
csrf = CSRFProtect()
limiter = Limiter(
    key_func=rate_limits.caller,
    application_limits=[rate_limits.general],
    application_limits_exempt_when=rate_limits.is_exempt,
    request_identifier=rate_limits.asked_for,
    # Each process counts for itself: a page must not wait for a counter.
    storage_uri=rate_limits.PROCESS_STORAGE_URI,
)
login_manager = LoginManager()


def init_app(app: Flask) -> None:
    """Binds what needs no more than the settings; `access` and `presentation` bind the login manager and Babel."""
    # A form stays good for as long as the session does: nobody loses a text because a page stood open for an hour.
    app.config.setdefault("WTF_CSRF_TIME_LIMIT", None)
    app.config.setdefault("BOOTSTRAP_SERVE_LOCAL", True)
    limiter.init_app(app)
    csrf.init_app(app)
    bootstrap.init_app(app)
