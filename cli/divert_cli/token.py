"""`divert token`: a token of the local issuer, for a machine of one's own."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

import typer

from divert_chassis.issuer import HOURS, LocalIssuer
from divert_cli.bearers import GATEWAY
from divert_cli.errors import StackError
from divert_cli.prepare import AGENCY
from divert_cli.stack import Run, running
from divert_contracts.access import Role

_PROVIDERS = frozenset({Role.PROVIDER_DESK, Role.PROVIDER_TEAM})
_PAGES = {Role.DESK: "routing", Role.OPERATIONS: "reporting", Role.ANALYST: "reporting", Role.ADMIN: "reporting"}
"""Whose page a link leads to; a provider's to its gateway's."""


def token(
    role: Annotated[Role, typer.Argument(help="What its bearer is.")],
    *,
    provider: Annotated[str | None, typer.Option(help="Whose, for a provider's desk or team.")] = None,
    agency: Annotated[str | None, typer.Option(help=f"Whose, for cad; {AGENCY} unless told otherwise.")] = None,
    subject: Annotated[str | None, typer.Option(help="The bearer's id, such as desk-12; never a name.")] = None,
    scope: Annotated[str | None, typer.Option(help="Only these scopes, with blanks between.")] = None,
    hours: Annotated[float, typer.Option(max=24 * 365, help="For how long it counts.")] = HOURS,
    link: Annotated[bool, typer.Option("--link", help="Print a link that signs a browser in.")] = False,
    key: Annotated[
        Path | None, typer.Option(help="Folder of the issuer's key pair; that of the stack that runs if left out.")
    ] = None,
) -> None:
    """Print a token for the stack that runs: `curl -H "Authorization: Bearer $(./divert token cad)" …`."""
    run = running()
    if key is None and run is None:
        raise StackError(
            "nothing is running; start it with `divert up` or `divert demo`, or name a key pair with --key"
        )
    if role in _PROVIDERS and provider is None:
        raise StackError(f"a {role} belongs to a provider: name it with --provider, such as --provider alcott")
    if role is Role.CAD:
        agency = agency or AGENCY
    issuer = LocalIssuer(run.data if key is None and run is not None else key or Path())
    try:
        made = issuer.token(role, provider=provider, agency=agency, subject=subject, scope=scope, hours=hours)
    except FileNotFoundError:
        raise StackError("there is no key pair: this stack takes tokens of another issuer") from None
    print(made if not link else signed_in(run, role, provider, made))


def signed_in(run: Run | None, role: Role, provider: str | None, made: str, *, to: str | None = None) -> str:
    """Return a link that signs a browser in at the page of a role, or at a path of the same service.

    Raises:
        StackError: no page of the stack is for that role.
    """
    page = f"{GATEWAY}{provider}" if role in _PROVIDERS else _PAGES.get(role)
    if run is None or page not in run.urls:
        raise StackError(f"no page of the stack that runs is for a {role}")
    query = "" if to is None else f"?{urlencode({'to': to})}"
    return f"{run.urls[page]}/sign-in{query}#token={made}"
