"""The rules of a token account (`app/models/account_rules.py`), one file a subject."""
