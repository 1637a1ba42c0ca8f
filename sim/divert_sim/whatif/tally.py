"""What a run came to: counted from the facts that were published in it, and from nothing else."""

from collections import Counter
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from divert_contracts.envelope import Envelope
from divert_contracts.facts.cases import CaseAcknowledged, CaseClosed, CaseHandedBack, PersonContacted, TeamOnScene
from divert_contracts.facts.routing import (
    AssistanceRequested,
    CallConcluded,
    CallHandedOff,
    CallOpened,
    CallReviewed,
    CaseOffered,
    CaseRecalled,
)
from divert_contracts.topics import CASES, ROUTING
from divert_contracts.vocabulary import (
    Eligibility,
    Feed,
    Origin,
    Outcome,
    OutcomeReason,
    PoliceInvolvement,
    Responder,
)
from divert_sim.evening import Ending

COUNTED = frozenset({ROUTING.name, CASES.name})
"""The topics that are looked at; other topics carry the same facts again."""
ARMED = frozenset({Responder.PATROL, Responder.MEU})
OF_CALLS = ("calls", "screened", "unarmed", "missed", "review_expired", "to_police")
OF_FACTS = ("offers", "unsafe", "taken", "reviews", "hand_offs", "assistance", "contacts")
HOUR = 3600.0


@dataclass(slots=True)
class Area:
    """What became of a division's calls."""

    eligible: int = 0
    served: int = 0
    responses: list[float] = field(default_factory=list[float])


@dataclass(frozen=True, slots=True)
class Run:
    """One run. Calls are diverted ones that count: no drills, nothing that was entered when it was over."""

    scenario: str
    seed: int
    counts: Mapping[str, float]
    """By name: the outcomes, ``OF_CALLS`` and ``OF_FACTS``."""
    outcomes: Mapping[str, int]
    """By outcome and reason, such as ``served/closed``."""
    responses: tuple[float, ...]
    """Seconds from accepted to a team's arrival, sorted, of calls that a team reached in person."""
    areas: Mapping[int, Area]
    """By division; 0 where it is not known."""
    busy: Mapping[str, float]
    """Team-hours with a case, by provider."""
    endings: Mapping[UUID, Ending] = field(default_factory=dict[UUID, Ending])
    """Of every call, those that do not count too."""


class Tally:
    """Counts as facts are published."""

    def __init__(self, scenario: str, seed: int) -> None:
        """Begin with nothing."""
        self.scenario = scenario
        self.seed = seed
        self._opened: dict[UUID, CallOpened] = {}
        self._ended: dict[UUID, CallConcluded] = {}
        self._arrived: dict[UUID, datetime] = {}
        self._taken: dict[UUID, CaseAcknowledged] = {}
        self._over: dict[UUID, datetime] = {}
        self._to_police: set[UUID] = set()
        self._counts: Counter[str] = Counter()
        self._twice = 0

    def named(self, scenario: str, seed: int) -> "Tally":
        """Return a copy to go on from, for another run."""
        found = deepcopy(self, {id(fact): fact for fact in (*self._opened.values(), *self._ended.values())})
        found.scenario, found.seed = scenario, seed
        return found

    def see(self, topic: str, envelope: Envelope) -> None:  # noqa: C901, PLR0912  # one arm a fact
        """Count a fact on a topic."""
        if topic not in COUNTED:
            return
        match envelope.fact:
            case CallOpened() as opened:
                self._opened[opened.call_id] = opened
            case CallConcluded() as ended:
                self._twice += ended.call_id in self._ended
                self._ended[ended.call_id] = ended
            case CaseOffered() as offer:
                self._counts["offers"] += 1
                decision = offer.decision
                self._counts["unsafe"] += decision.hard_exclusion or decision.eligibility is Eligibility.INELIGIBLE
            case CaseAcknowledged() as taken:
                self._taken.setdefault(taken.case_id, taken)
                self._counts["taken"] += 1
            case TeamOnScene() as there:
                self._arrived.setdefault(there.call_id, there.occurred_at)
            case CaseClosed() | CaseHandedBack() | CaseRecalled() as over:
                self._over.setdefault(over.case_id, over.occurred_at)
            case CallReviewed():
                self._counts["reviews"] += 1
            case CallHandedOff() as handed if not handed.repeat:
                self._counts["hand_offs"] += 1
                if handed.recommend in ARMED:
                    self._to_police.add(handed.call_id)
            case AssistanceRequested() as asked if not asked.repeat:
                self._counts["assistance"] += 1
            case PersonContacted():
                self._counts["contacts"] += 1
            case _:
                pass  # says nothing of what is counted

    def done(self, *, may_be_open: bool = False) -> Run:
        """Return what it came to; of a record calls may be open still.

        Raises:
            RuntimeError: a call has no outcome, or two: a bug.
        """
        open_still = self._opened.keys() - self._ended.keys()
        if (open_still and not may_be_open) or self._twice:
            raise RuntimeError(f"{len(open_still)} calls without an outcome, {self._twice} with two")
        counts = dict.fromkeys(OF_FACTS, 0.0)
        counts |= {name: float(n) for name, n in self._counts.items()}
        outcomes: Counter[str] = Counter()
        responses: list[float] = []
        areas: dict[int, Area] = {}
        more: Counter[str] = Counter()
        for call_id, ended in self._ended.items():
            opened = self._opened.get(call_id)
            if ended.exercise or ended.recorded_late or ended.origin is Origin.OFFICER_INITIATED or opened is None:
                continue
            if ended.feed is Feed.OBSERVED:
                more["missed"] += ended.reason is OutcomeReason.NOT_REFERRED
                continue
            outcomes[f"{ended.outcome.value}/{ended.reason.value}"] += 1
            more["calls"] += 1
            more[ended.outcome.value] += 1
            more["screened"] += ended.origin is not Origin.PROVIDER_LINE
            served = ended.outcome is Outcome.SERVED
            unarmed = served and ended.police is PoliceInvolvement.NONE and call_id not in self._to_police
            more["unarmed"] += unarmed
            more["review_expired"] += ended.reason is OutcomeReason.REVIEW_EXPIRED
            more["to_police"] += call_id in self._to_police
            if served or ended.outcome is Outcome.ELIGIBLE_NOT_SERVED:
                area = areas.setdefault(ended.division or 0, Area())
                area.eligible += 1
                area.served += served
                arrived = self._arrived.get(call_id)
                if arrived is not None:
                    seconds = (arrived - opened.accepted_at).total_seconds()
                    responses.append(seconds)
                    area.responses.append(seconds)
        for name in (*(one.value for one in Outcome), *OF_CALLS):
            counts[name] = float(more[name])
        return Run(
            self.scenario,
            self.seed,
            counts,
            outcomes,
            tuple(sorted(responses)),
            areas,
            self._busy(),
            {call_id: Ending.of(ended) for call_id, ended in self._ended.items()},
        )

    def _busy(self) -> Mapping[str, float]:
        hours: dict[str, float] = {}
        for case_id, taken in self._taken.items():
            over = self._over.get(case_id)
            if over is not None:
                lasted = (over - taken.occurred_at).total_seconds() / HOUR
                hours[taken.provider] = hours.get(taken.provider, 0.0) + lasted
        return hours
