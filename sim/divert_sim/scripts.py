"""What a provider of the evening does, written down beforehand for a program that does not know this one.

Who does what follows from the seed and the call alone, so it is known from a run in memory.
"""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from pydantic import JsonValue

from divert_contracts.envelope import Envelope
from divert_contracts.facts.routing import CaseOffered, CaseRecalled
from divert_contracts.topics import ASSIGNMENTS
from divert_sim import behaviour
from divert_sim.behaviour import ProviderSays
from divert_sim.requests import VERBS

Step = dict[str, JsonValue]


def script(log: Iterable[tuple[str, Envelope]], provider: str, *, seed: int, rate: float) -> dict[str, list[Step]]:
    """Return what a provider does about each incident, as `provider_sim --script` reads it.

    Args:
        log: what stood on the topics when the evening was played in memory.
        provider: its id.
        seed: what the people are like.
        rate: fictional seconds in a real one.
    """
    steps: dict[str, list[Step]] = {}
    numbers: dict[UUID, str] = {}
    for topic, envelope in log:
        if topic != ASSIGNMENTS.name_of(provider):
            continue
        match envelope.fact:
            case CaseOffered() as offer:
                numbers[offer.case_id] = offer.incident_number
                plan, since, upon = behaviour.offered(seed, offer), offer.occurred_at, "offered"
            case CaseRecalled() as recall if not recall.repeat:
                plan, since, upon = behaviour.recalled(recall), recall.occurred_at, "recalled"
            case _:
                continue
        told = steps.setdefault(numbers[envelope.fact.case_id], [])
        for planned in plan:
            if isinstance(planned.action, ProviderSays):
                told.append(_step(planned.action, upon, (planned.at - since) / rate))
                since = planned.at
    return steps


def _step(action: ProviderSays, upon: str, after: timedelta) -> Step:
    # The epoch is known to whoever has the offer.
    body = action.said.model_dump(mode="json", exclude_none=True, exclude={"epoch"})
    return {"verb": VERBS[type(action.said)], "body": body, "after": after.total_seconds(), "upon": upon}
