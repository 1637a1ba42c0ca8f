"""`divert erase`: a call's private words go now, from every table; and when the topics will have forgotten them."""

import getpass
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, cast
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from divert_cli import kafka_admin
from divert_cli.bearers import Bearers
from divert_cli.calls import Json, post, the_stack
from divert_cli.errors import StackError
from divert_contracts import ids
from divert_contracts.access import Role
from divert_contracts.topics import TOPICS, Topic, dead_letters

_console = Console(highlight=False)


@dataclass(frozen=True, slots=True)
class Forgets:
    """A topic that may hold the call's private words, and until when at the latest."""

    topic: str
    by: datetime | None
    """None: it keeps its records for ever, against what `divert prepare` sets."""


def erase(
    call_id: Annotated[UUID | None, typer.Argument(help="As `divert calls` lists it.")] = None,
    *,
    incident: Annotated[
        str | None, typer.Option(metavar="AGENCY/NUMBER", help="The call by its agency and incident number instead.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Your id, for the record; your login if left out.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Erase a call's private words before their time: narrative, names, addresses, numbers, notes.

    Routing and every provider that was offered the call erase them at once; topics forget them by themselves, and this
    says by when. What was decided, and every figure, stays. A call that is still open is refused.
    """
    run = the_stack()
    wanted = _wanted(call_id, incident)
    person = by or getpass.getuser()
    auth = Bearers(run, roles={"routing": Role.ADMIN}, subject=person)
    erased = post(f"{run.urls['routing']}/v1/calls/{wanted}/erase", {"by": person}, auth=auth)
    providers = cast("list[str]", erased["providers"])
    forget = forgetting(run.kafka, agency=str(erased["agency"]), providers=providers, at=datetime.now(UTC))
    if as_json:
        topics = {one.topic: None if one.by is None else one.by.isoformat() for one in forget}
        print(json.dumps({**erased, "topics_forget_by": topics}, indent=2))
        return
    _show(erased, forget)


def forgetting(kafka: str, *, agency: str, providers: Iterable[str], at: datetime) -> list[Forgets]:
    """Return each topic that may hold private words of a call, and by when it will have forgotten what it holds now.

    Args:
        kafka: host:port.
        agency: whose call it is.
        providers: to whom it was offered.
        at: the time by the broker's own clock.

    Raises:
        StackError: Kafka does not answer.
    """
    members = {"provider": tuple(providers), "agency": (agency,)}
    # What a provider writes itself may hold its notes.
    names = [name for topic in TOPICS if topic.private or topic.foreign for name in _names(topic, members)]
    found = kafka_admin.forgets_after(kafka, names)
    return [Forgets(name, _after(at, found[name])) for name in names if name in found]


def _names(topic: Topic, members: dict[str, tuple[str, ...]]) -> list[str]:
    own = [topic.name_of(member) for member in (members[topic.family] if topic.family else ("",))]
    return [name for one in own for name in (one, *(dead_letters(one, reader) for reader in sorted(topic.read_by)))]


def _after(at: datetime, kept: timedelta | None) -> datetime | None:
    return None if kept is None else at + kept


def _wanted(call_id: UUID | None, incident: str | None) -> UUID:
    if (call_id is None) == (incident is None):
        raise StackError("name the call: by its id, or with --incident AGENCY/NUMBER")
    if call_id is not None:
        return call_id
    agency, _, number = str(incident).partition("/")
    if not agency or not number:
        raise StackError("--incident wants agency and number, such as lapd/261123004512")
    return ids.call_id(agency, number)


def _show(erased: Json, forget: list[Forgets]) -> None:
    told = ", ".join(cast("list[str]", erased["providers"])) or "nobody: it was never offered"
    _console.print(f"Erased at {erased['erased_at']}. Told to erase theirs: {told}.")
    table = Table("topic", "will have forgotten by")
    for one in forget:
        table.add_row(one.topic, "never" if one.by is None else f"{one.by:%Y-%m-%d %H:%M} UTC")
    _console.print(table)
    _console.print("Outcome and figures stay.", style="dim")
