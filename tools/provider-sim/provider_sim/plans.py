"""What a provider does with a case: a list of steps, each after something was heard. A behaviour is such a list."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import cast

from provider_sim.contract import Json, News


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is said."""

    verb: str
    """The route's name."""
    body: Mapping[str, object] = field(default_factory=dict[str, object])
    """The epoch is added where it is needed."""
    after: float = 0.0
    """Seconds after the step before, or after what began the plan."""
    upon: News = News.OFFERED
    """What it waits for."""
    twice: bool = False
    """It is said again, as another request."""
    wait_share: float = 0.0
    """Wait for this share of the time until the offer expires, instead of ``after``."""


Plan = Sequence[Step]

TO_THE_END: Plan = (
    Step("en-route"),
    Step("on-scene"),
    Step("contacted", {"contact": "in_person"}),
    Step("close", {"contact": "in_person", "disposition": "resolved_on_scene"}),
)
ACKNOWLEDGE = Step("acknowledge", {"arrive_in_seconds": 300})
CONFIRM = Step("confirm-recall", upon=News.RECALLED)


class Transport(StrEnum):
    """How a provider's machine behaves, whatever its people do."""

    SOUND = "sound"
    ERRORS = "errors"
    """Its server answers 500; what it reads otherwise is lost inside it."""
    HANGS = "hangs"
    """It takes what it is sent and never answers."""
    FLAPS = "flaps"
    """It is dead for three seconds in every six."""
    RUBBISH = "rubbish"
    """It sends what nobody can read, all the time."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a provider is like."""

    plan: Plan
    transport: Transport = Transport.SOUND


BEHAVIOURS: Mapping[str, Behaviour] = {
    "prompt": Behaviour((ACKNOWLEDGE, *TO_THE_END, CONFIRM)),
    "slow": Behaviour((Step("acknowledge", {"arrive_in_seconds": 300}, wait_share=0.8), *TO_THE_END, CONFIRM)),
    "never-answers": Behaviour(()),
    "flaps": Behaviour((ACKNOWLEDGE, *TO_THE_END, CONFIRM), Transport.FLAPS),
    "answers-twice": Behaviour(
        tuple(Step(one.verb, one.body, upon=one.upon, twice=True) for one in (ACKNOWLEDGE, *TO_THE_END, CONFIRM))
    ),
    "closes-before-acknowledging": Behaviour((TO_THE_END[-1], ACKNOWLEDGE, *TO_THE_END, CONFIRM)),
    "500s": Behaviour((ACKNOWLEDGE, *TO_THE_END, CONFIRM), Transport.ERRORS),
    "hangs": Behaviour((ACKNOWLEDGE, *TO_THE_END, CONFIRM), Transport.HANGS),
    "sends-rubbish": Behaviour((ACKNOWLEDGE, *TO_THE_END, CONFIRM), Transport.RUBBISH),
    "help-after-recall": Behaviour(
        (
            Step("emergency", {"hazards": ["weapon"]}, upon=News.RECALLED),
            Step("backup", {"hazards": ["violence"]}, upon=News.RECALLED),
            CONFIRM,
        )
    ),
}


def read_script(text: str) -> Mapping[str, Plan]:
    """Return plans by incident number, from a JSON object of lists of steps.

    Raises:
        ValueError: it is no such object.
    """
    return {number: [_step(one) for one in steps] for number, steps in json.loads(text).items()}


def _step(read: Json) -> Step:
    return Step(
        verb=read["verb"],
        body=cast("Mapping[str, object]", read.get("body", {})),
        after=read.get("after", 0.0),
        upon=News(read.get("upon", News.OFFERED)),
        twice=read.get("twice", False),
    )
