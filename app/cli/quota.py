"""`flask quota`: token accounts, from the command line."""

from typing import Any

import click
from flask_babel import gettext as _

from app.cli.output import Commands, as_json_option, operator, print_json, print_rows
from app.services import token_accounts, users

group = Commands("quota", help="Show and change token accounts.")

reason_option = click.option("--reason", required=True, help="Why; kept in the ledger and the audit trail.")


@group.command()
@click.argument("user")
@as_json_option
def show(user: str, as_json: bool) -> None:
    """Show the account of a user, named by e-mail or id.

    \b
    Example:
      flask quota show ada@example.com
    """
    facts = _facts(users.find(user))
    if as_json:
        print_json(facts)
        return
    grants = facts.pop("grants")
    print_rows([{"what": name, "value": value} for name, value in facts.items()])
    if grants:
        click.echo()
        print_rows(grants)


@group.command()
@click.argument("user")
@reason_option
def reset(user: str, reason: str) -> None:
    """Give a user the whole allowance again: a new period starts now. Holds and grants stay.

    \b
    Example:
      flask quota reset ada@example.com --reason "Demo for the board"
    """
    outcome = token_accounts.reset(users.find(user).id, by=operator(), reason=reason)
    click.echo(_("Gave back %(amount)s tokens; %(available)s available.", **_amounts(outcome)))


@group.command("add-bonus")
@click.argument("user")
@click.argument("tokens", type=int)
@reason_option
def add_bonus(user: str, tokens: int, reason: str) -> None:
    """Lower what a user has used; what is over becomes a grant. The balance rises by exactly TOKENS.

    \b
    Example:
      flask quota add-bonus ada@example.com 50000 --reason "Sorry for the outage"
    """
    outcome = token_accounts.add_bonus(users.find(user).id, tokens, by=operator(), reason=reason)
    click.echo(_("Added %(amount)s tokens; %(available)s available.", **_amounts(outcome)))


def _amounts(outcome: token_accounts.Outcome) -> dict[str, str]:
    return {"amount": f"{outcome.amount:,}", "available": f"{outcome.available:,}"}


def _facts(user: Any) -> dict[str, Any]:
    account = token_accounts.view(user.id)
    names = ("tier", "limit", "used", "balance", "held", "available", "period_start", "period_end")
    lifetime = ("period_calls", "lifetime_calls", "lifetime_tokens", "last_spend_at")
    facts = {"user": user.email, **{name: getattr(account, name) for name in names + lifetime}}
    grants = [
        {
            "source": grant.source,
            "amount": grant.amount,
            "left": grant.left,
            "at": grant.at,
            "expires_at": grant.expires_at,
        }
        for grant in account.grants
    ]
    return {**facts, "usage_percent": account.usage_percent, "grants": grants}
