"""`flask quota`: token accounts, from the command line."""

import sys
from datetime import UTC, datetime
from typing import Any

import click
from flask_babel import gettext as _

from app.cli.output import Commands, as_json_option, ask, operator, print_json, print_rows, yes_option
from app.models.account import GrantSource
from app.services import tier_terms, token_accounts, users

group = Commands("quota", help="Show and change token accounts.")

reason_option = click.option("--reason", required=True, help="Why; kept in the ledger and the audit trail.")


@group.command()
@click.argument("user")
@as_json_option
def show(user: str, as_json: bool) -> None:
    """Show the account of a user, named by e-mail, phone, id or external:ID.

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


@group.command()
@click.argument("user")
@click.argument("tokens", type=int)
@click.option(
    "--source",
    type=click.Choice([str(one) for one in GrantSource]),
    default=str(GrantSource.ADJUSTMENT),
    show_default=True,
    help="What the grant is; shown to the user.",
)
@click.option(
    "--expires",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M"]),
    metavar="DATE",
    help="When what is left of it expires, in UTC: 2027-01-31 or 2027-01-31T18:00.  [default: never]",
)
@reason_option
def grant(user: str, tokens: int, source: str, expires: datetime | None, reason: str) -> None:
    """Give a user tokens beside the allowance, which stay until they are used or expire.

    \b
    Example:
      flask quota grant ada@example.com 50000 --source beta --expires 2099-01-31 --reason "Beta program"
    """
    outcome = token_accounts.grant(
        users.find(user).id,
        tokens,
        source=GrantSource(source),
        by=operator(),
        reason=reason,
        expires_at=expires.replace(tzinfo=UTC) if expires else None,
    )
    click.echo(_("Granted %(amount)s tokens; %(available)s available.", **_amounts(outcome)))


@group.command("apply-tiers")
@click.option("--reason", default="The tier's terms have changed", show_default=True, help="Kept in the audit trail.")
@yes_option
def apply_tiers(reason: str, yes: bool) -> None:
    """Give every account the limit and the period that the settings give its tier now, before its next renewal.

    What is used and the start of the period stay. Broken off, it goes on where it was when it is started again.

    \b
    Example:
      flask quota apply-tiers --yes
    """
    differing = tier_terms.count()
    if not differing:
        click.echo(_("Every account has the terms of its tier."))
        return
    ask(_("Change the terms of %(accounts)s accounts?", accounts=f"{differing:,}"), yes=yes)
    done = 0
    with click.progressbar(length=differing, label=_("Applying"), file=sys.stderr) as bar:
        for _account_id in tier_terms.apply(by=operator(), reason=reason):
            done += 1
            bar.update(1)
    click.echo(_("%(accounts)s accounts have the terms of their tier now.", accounts=f"{done:,}"))


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
