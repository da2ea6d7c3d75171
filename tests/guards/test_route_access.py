"""Every route says who may open it, and the routes that are open to everybody are a short list."""

from app import access

OPEN_TO_EVERYBODY = {
    "static",
    "bootstrap.static",
    "swagger.static",
    "api_document.docs",
    "api_document.openapi",
    "api_catalogue.catalogue",
    "api_catalogue.tokens",
    "catalogue.catalogue",
    "catalogue.show",
    "confirm_email.confirm",
    "confirm_email.confirm_email",
    "home.home",
    "language.choose",
    "ops.healthz",
    "ops.readyz",
    # It asks for a key of its own.
    "ops.metrics",
    "ops.robots",
    "ops.favicon",
    "register.register",
    "reset_password.new_password",
    "reset_password.reset_password",
    "settings_email.change",
    "settings_email.confirm",
    "sign_in.code",
    "sign_in.sign_in",
    "sign_in.sign_out",
    "sign_in_link.sign_in_link",
    "sign_in_link.use",
    # What comes in there is signed.
    "stripe_events.receive",
    "unsubscribe.end",
    "unsubscribe.unsubscribe",
}


def endpoints(app):
    return {rule.endpoint for rule in app.url_map.iter_rules()}


def test_every_route_declares_who_may_open_it(app):
    silent = {endpoint for endpoint in endpoints(app) if access.declared(app, endpoint) is None}
    assert silent == set(), "decorate these views with @public, @signed_in or @requires(…)"


def test_only_these_routes_are_public(app):
    public = {endpoint for endpoint in endpoints(app) if access.declared(app, endpoint).anonymous}
    assert public <= OPEN_TO_EVERYBODY


def test_every_admin_route_asks_for_a_permission(app):
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/admin"):
            declared = access.declared(app, rule.endpoint)
            assert declared.any_permission or declared.permissions, rule


def test_every_private_page_asks_a_stranger_to_sign_in(app, client):
    for rule in app.url_map.iter_rules():
        if "GET" in rule.methods and not access.declared(app, rule.endpoint).anonymous:
            values = {
                name: 1 if "int" in type(converter).__name__.lower() else "x"
                for name, converter in rule._converters.items()
            }
            url = app.url_map.bind("localhost").build(rule.endpoint, values)
            response = client.get(url)
            assert response.status_code in ({401} if url.startswith("/api/") else {303}), url
