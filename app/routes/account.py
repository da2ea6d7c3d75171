"""The token account of whoever is signed in: what there is, what each figure is made of, and why no more can be spent."""

from functools import partial

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.access import signed_in
from app.routes import ledger_query
from app.services import account_moment, beta_requests, explanation, prompts, stopping

blueprint = Blueprint("account", __name__)


@blueprint.get("/account")
@signed_in
def account() -> ResponseReturnValue:
    """What there is, and every change of it, newest first."""
    moment = account_moment.take(current_user.id)
    return render_template(
        "account/account.html",
        account=moment.account,
        is_out=prompts.is_out_of_tokens(moment.account),
        explain_url=partial(url_for, "account.explain"),
        beta=beta_requests.standing(current_user),
        **ledger_query.shown(moment),
    )


@blueprint.get("/account/explain/<figure>")
@signed_in
def explain(figure: str) -> ResponseReturnValue:
    """The entries, grants and holds that make up one figure of the account, or one grant."""
    shown = explanation.named(current_user.id, figure, request.args.get("grant"))
    explain_url = partial(url_for, "account.explain")
    return render_template("account/explain.html", explanation=shown, account=shown.account, explain_url=explain_url)


@blueprint.get("/account/stopped")
@signed_in
def stopped() -> ResponseReturnValue:
    """The rule that refuses now, and the way on."""
    stop = stopping.why_stopped(current_user)
    explain_url = partial(url_for, "account.explain")
    return render_template("account/stopped.html", stop=stop, account=stop.account, explain_url=explain_url)
