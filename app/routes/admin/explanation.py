"""What each figure of a user's account is made of, and why the user was stopped, for admins."""

from functools import partial

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.access import requires
from app.models.permission import Permission
from app.services import explanation, stopping, users

blueprint = Blueprint("admin_explanation", __name__, url_prefix="/admin/users/<user_id>")


@blueprint.get("/explain/<figure>")
@requires(Permission.USERS_READ)
def explain(user_id: str, figure: str) -> ResponseReturnValue:
    """The entries, grants and holds that make up one figure of the user's account, or one grant."""
    user = users.get(user_id)
    return render_template(
        "admin/explanation/explain.html",
        user=user,
        explanation=explanation.named(user.id, figure, request.args.get("grant")),
        explain_url=partial(url_for, "admin_explanation.explain", user_id=user.id),
    )


@blueprint.get("/stopped")
@requires(Permission.USERS_READ)
def stopped(user_id: str) -> ResponseReturnValue:
    """The rule that refuses the user now, and the way on."""
    user = users.get(user_id)
    return render_template(
        "admin/explanation/stopped.html",
        user=user,
        stop=stopping.why_stopped(user),
        explain_url=partial(url_for, "admin_explanation.explain", user_id=user.id),
    )
