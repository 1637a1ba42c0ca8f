"""The `divert` command: a table of its commands, each imported when it is called."""

import importlib
import sys
from dataclasses import dataclass
from importlib.metadata import version
from typing import Annotated

import typer

from divert_cli.errors import StackError


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        name: what one types.
        target: `module:function` of the typer function behind it, or of a group of them.
        help: its line in the list of commands.
        passes_on: whether options that the function does not know are left in its arguments.
    """

    name: str
    target: str
    help: str
    passes_on: bool = False


COMMANDS: tuple[Command, ...] = (
    Command("up", "divert_cli.local:up", "Start Kafka, Postgres, Valkey and all services."),
    Command("down", "divert_cli.local:down", "Stop what `up` started."),
    Command("status", "divert_cli.local:status", "What runs: process, port, readiness, restarts."),
    Command("logs", "divert_cli.local:logs", "What the processes say."),
    Command("token", "divert_cli.token:token", "A token for the stack that runs."),
    Command("audit", "divert_cli.audit:app", "Who did what: walk the chains of the audit."),
    Command("doctor", "divert_cli.doctor:doctor", "Whether this machine can run divert, and what to do if not."),
    Command("demo", "divert_cli.demo:demo", "A busy evening in a minute and a half, and what became of every call."),
    Command("replay", "divert_cli.replay:replay", "Send a city's export of calls through divert."),
    Command("reconcile", "divert_cli.reconcile:reconcile", "Compare a CAD's nightly export with divert, both ways."),
    Command("cad-check", "divert_cli.cad_check.command:cad_check", "Whether a CAD and divert understand each other."),
    Command("calls", "divert_cli.calls:calls", "The calls that divert knows."),
    Command("show", "divert_cli.calls:show", "One call: its timeline with causes."),
    Command("outcomes", "divert_cli.calls:outcomes", "What became of the calls."),
    Command("erase", "divert_cli.erase:erase", "Erase a call's private words before their time."),
    Command("report", "divert_cli.report:report", "What became of a period's calls, as a page and PDF to publish."),
    Command("what-if", "divert_cli.what_if:what_if", "The same calls under other arrangements, side by side."),
    Command("export", "divert_cli.export:export", "A table, the figures or the log, as a file."),
    Command("dictionary", "divert_cli.export:dictionary", "What every table, column and figure means."),
    Command("seal", "divert_cli.seal:seal", "Seal a period's tables, or check a seal."),
    Command("rebuild", "divert_cli.rebuild:rebuild", "Make reporting's tables anew from the log, and swap them in."),
    Command("policy", "divert_cli.policy.commands:app", "The life of a policy: check, back-test, approve, publish."),
    Command(
        "explain", "divert_cli.policy.explain:explain", "Why a call was decided so, and what would have changed it."
    ),
    Command("geo", "divert_cli.geo:app", "Divisions by map: import polygons, compare them with districts."),
    Command("verify", "divert_cli.verify:verify", "Reconcile Kafka and Postgres: is every call accounted for?"),
    Command("prepare", "divert_cli.prepare:command", "Make topics and publish policies on a Kafka of your own."),
    Command("provider", "divert_cli.provider:provider", "Let a provider's own client onto Kafka."),
    Command("webhook", "divert_cli.webhook:webhook", "Say where a provider's webhooks are sent, and try it."),
    Command("triage", "divert_cli.triage:triage", "Decide the rows of a file offline: any city's export, any texts."),
    Command("corpus", "divert_cli.corpus:corpus", "How well texts are read, on the labelled corpus."),
    Command("test", "divert_cli.testing:run_tests", "Run the tests; arguments go to pytest.", passes_on=True),
    Command("bench", "divert_cli.bench:bench", "How fast divert is on this machine."),
    Command("prove", "divert_cli.prove:prove", "Proofs that take a while, such as faults and rebuild."),
)

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def options(
    *, show_version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False
) -> None:
    """Unarmed response to calls that need no police."""
    if show_version:
        print(f"divert {version('divert-cli')}")
        raise typer.Exit


def _register(command: Command) -> None:
    def call(context: typer.Context) -> None:
        module, _, function = command.target.partition(":")
        behind = getattr(importlib.import_module(module), function)
        if not isinstance(behind, typer.Typer):
            settings = {"ignore_unknown_options": command.passes_on}
            alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
            alone.command(context_settings=settings)(behind)
            behind = alone
        behind(args=context.args, prog_name=f"divert {command.name}")

    # Options, `--help` among them, belong to the function behind.
    app.command(
        command.name,
        help=command.help,
        add_help_option=False,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    )(call)


for _command in COMMANDS:
    _register(_command)


def main() -> None:
    """Run the command line."""
    try:
        app(prog_name="divert")
    except StackError as failed:
        print(f"divert: {failed}", file=sys.stderr)
        sys.exit(1)
