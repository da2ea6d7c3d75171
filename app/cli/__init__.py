"""The commands: `flask <noun> <verb>`, thin shells over services."""

from flask import Flask

from app.cli import (
    audit,
    catalogue,
    db,
    db_copies,
    deliveries,
    demo,
    doctor,
    keys,
    ledger,
    orders,
    quota,
    request_batches,
    serve,
    stats,
    users,
    worker,
)


def init_app(app: Flask) -> None:
    """Binds the commands."""
    # `request_batches` completes the group that `requests` begins, and `db_copies` that of `db`.
    for module in (
        *(db, db_copies, users, keys, quota, request_batches, catalogue, orders, ledger),
        *(audit, deliveries, stats, demo),
    ):
        app.cli.add_command(module.group)
    for module in (worker, serve, doctor):
        app.cli.add_command(module.command)
