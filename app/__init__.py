"""Tokendesk: meters each user's tokens, lets a user who has run out ask for more, and keeps the trail."""

from flask import Flask

import config


def create_app(settings: config.Config | None = None) -> Flask:
    """The app, ready to serve; reads the environment where no settings are given, and opens no connection yet."""
    from app import (
        access,
        cli,
        compression,
        db,
        errors,
        extensions,
        logs,
        metrics,
        openapi,
        presentation,
        routes,
        security,
    )

    settings = settings or config.load()
    settings.check()
    app = openapi.App(__name__, instance_path=settings.INSTANCE_FOLDER or None)
    app.config.from_mapping(settings.model_dump())

    logs.init_app(app)
    metrics.init_app(app)
    db.init_app(app)
    security.init_app(app)
    compression.init_app(app)
    extensions.init_app(app)
    access.init_app(app)
    errors.init_app(app)
    presentation.init_app(app)
    routes.init_app(app)
    cli.init_app(app)
    return app
