"""The commands: `flask <noun> <verb>`, thin shells over services."""

from flask import Flask

from app.cli import db, demo, doctor, keys, ledger, quota, requests, serve, stats, users, worker


def init_app(app: Flask) -> None:
    """Binds the commands."""
    for module in (db, users, keys, quota, requests, ledger, stats, demo):
        app.cli.add_command(module.group)
    for module in (worker, serve, doctor):
        app.cli.add_command(module.command)
