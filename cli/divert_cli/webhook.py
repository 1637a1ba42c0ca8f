"""`divert webhook`: where a provider's or an agency's gateway sends its webhooks, through the gateway's own API."""

import json
from typing import Annotated, Any, cast

import httpx
import typer
from rich.console import Console
from rich.table import Table

from divert_cli.bearers import bearers_to
from divert_cli.errors import StackError
from divert_cli.stack import running

_GATEWAYS = ("provider-gateway-", "agency-gateway-")
_ANSWERS_WITHIN = 70.0
"""Seconds: the gateway may wait for the endpoint that long."""

webhook = typer.Typer(
    help="Providers, and agencies' CADs, that take webhooks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_console = Console(highlight=False)

Name = Annotated[
    str, typer.Argument(metavar="WHO", help="The provider's id in the directory, such as exodus; or an agency's.")
]
Gateway = Annotated[str | None, typer.Option(help="Base URL of its gateway; else that of the running stack.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
Json = dict[str, Any]


@webhook.command()
def add(
    name: Name,
    url: Annotated[str, typer.Argument(help="https address of their server.")],
    *,
    gateway: Gateway = None,
    as_json: AsJson = False,
) -> None:
    """Send webhooks to this address from now on, once it has said that it wants them; shows the secret this once."""
    _show_secret(_ask("POST", _gateway(name, gateway), "/v1/webhooks", {"url": url}), as_json=as_json)


@webhook.command()
def rotate(
    name: Name,
    *,
    overlap: Annotated[float, typer.Option(help="Hours for which the old secret signs beside the new one.")] = 24.0,
    gateway: Gateway = None,
    as_json: AsJson = False,
) -> None:
    """Sign with a new secret, shown this once; the old one signs beside it for a while."""
    body = {"overlap_seconds": overlap * 3600}
    _show_secret(_ask("POST", _gateway(name, gateway), "/v1/webhooks/rotate", body), as_json=as_json)


@webhook.command()
def remove(name: Name, *, gateway: Gateway = None) -> None:
    """Send a provider or CAD no more webhooks."""
    _ask("DELETE", _gateway(name, gateway), "/v1/webhooks")
    _console.print(f"{name} is sent no more webhooks.", markup=False)


@webhook.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """Show who takes webhooks of the running stack, and how that goes."""
    found = {who: _ask("GET", url, "/v1/webhooks")["webhooks"] for who, url in _members().items()}
    if as_json:
        print(json.dumps(found, indent=2))
        return
    table = Table("who", "address", "secrets", "how it goes")
    for provider, one in ((provider, one) for provider, ones in found.items() for one in ones):
        table.add_row(provider, one["url"], str(one["secrets"]), _state(one))
    if table.row_count:
        _console.print(table)
    else:
        _console.print("Nobody takes webhooks.")


@webhook.command("test")
def try_(name: Name, *, gateway: Gateway = None, as_json: AsJson = False) -> None:
    """Send one signed message that says nothing; exits with 1 when it does not arrive."""
    found = _ask("POST", _gateway(name, gateway), "/v1/webhooks/test")
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        status = "" if found["status"] is None else f", status {found['status']}"
        _console.print(f"{found['result']}{status}, after {found['seconds']:.3f} s", markup=False)
    if found["result"] != "delivered":
        raise typer.Exit(1)


def _state(one: Json) -> str:
    if one["gone_at"] is not None:
        return f"gone since {one['gone_at']}: nothing is sent; `add` it again"
    if one["failures"]:
        return f"{one['failures']} failures in a row since {one['failing_since']}"
    return "well"


def _urls() -> dict[str, str]:
    run = running()
    if run is None:
        raise StackError("nothing is running; start it with `divert up`, or give --gateway")
    return dict(run.urls)


def _members() -> dict[str, str]:
    """Return the base URLs of the running gateways, by the provider or agency that they are for."""
    return {
        name.removeprefix(kind): url for kind in _GATEWAYS for name, url in _urls().items() if name.startswith(kind)
    }


def _gateway(name: str, given: str | None) -> str:
    if given is not None:
        return given.rstrip("/")
    known = _members()
    if name not in known:
        raise StackError(f"no gateway runs for {name!r}; there are: {', '.join(known)}")
    return known[name]


def _ask(method: str, gateway: str, path: str, body: Json | None = None) -> Json:
    try:
        answer = httpx.request(
            method, gateway + path, json=body, timeout=_ANSWERS_WITHIN, trust_env=False, auth=bearers_to(gateway)
        )
    except httpx.TransportError as error:
        raise StackError(f"{gateway} does not answer ({type(error).__name__})") from error
    read = cast("Json", answer.json()) if answer.content else {}
    if not answer.is_success:
        result = f" ({read['result']})" if "result" in read else ""
        raise StackError(f"{read.get('detail') or read.get('title') or answer.reason_phrase}{result}")
    return read


def _show_secret(found: Json, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(found, indent=2))
        return
    _console.print(f"address  {found['url']}", markup=False)
    _console.print(f"secret   {found['secret']}", markup=False)
    _console.print("\nThe secret is shown once.", style="dim")
