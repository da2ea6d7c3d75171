"""The languages that this site speaks, each by its own name, so that everybody finds theirs."""

LANGUAGES = {"en": "English", "ru": "Русский"}
