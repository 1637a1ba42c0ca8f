"""Whether the model reproduces what is recorded: the recorded configuration is played, and compared with the record."""

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from uuid import UUID

from divert_contracts.envelope import Envelope
from divert_contracts.facts.routing import CallConcluded, CallReviewed, CaseOffered
from divert_contracts.model import Model
from divert_contracts.vocabulary import Outcome
from divert_reporting.pages.report.numbers import said
from divert_sim.evening import Ending
from divert_sim.whatif.play import Player
from divert_sim.whatif.summary import rank
from divert_sim.whatif.tally import Run, Tally

RULES_ALONE = 0.99
"""The share of the calls decided by rules alone that must end as they did, in every run."""
WITHIN_SPREADS = 3.0
MOST_OF_CALLS = 0.08
"""And no count may be further from the record than so great a share of the calls, however much the runs spread."""
TIMES_WITHIN = 0.2
SEEDS = 20


class Check(Model):
    """One comparison."""

    what: str
    bound: str
    recorded: float
    simulated: float
    low: float
    high: float
    holds: bool


class SelfCheck(Model):
    """All of them."""

    on: str
    """What was recorded, in words."""
    calls: int
    seeds: int
    checks: tuple[Check, ...]

    @property
    def holds(self) -> bool:
        """Whether the record is reproduced within every bound."""
        return bool(self.checks) and all(one.holds for one in self.checks)


def checked(on: str, player: Player, record: Sequence[Envelope], seeds: int = SEEDS) -> SelfCheck:
    """Play the recorded configuration with so many seeds, and compare."""
    tally = Tally("record", -1)
    for envelope in record:
        for topic in _TOPICS:
            if envelope.source.startswith(topic[0]):
                tally.see(topic[1], envelope)
    recorded = tally.done(may_be_open=True)
    runs = [player.play(seed) for seed in range(seeds)]
    depended = {one.fact.call_id for one in record if isinstance(one.fact, CaseOffered | CallReviewed)} | _unreviewed(
        record
    )
    checks = [_rules_alone(recorded.endings, [run.endings for run in runs], depended)]
    checks += [_count(outcome, recorded, runs) for outcome in Outcome if outcome is not Outcome.UNKNOWN]
    checks.append(_time("Median time to arrival", recorded, runs, 0.5))
    checks.append(_time("90% arrive within", recorded, runs, 0.9))
    return SelfCheck(on=on, calls=len(recorded.endings), seeds=seeds, checks=tuple(checks))


_TOPICS = (("/divert/routing", "routing.v1"), ("/divert/provider-gateway", "cases.v1"))


def _unreviewed(record: Sequence[Envelope]) -> set[UUID]:
    """Return the calls that waited for a review in vain."""
    return {
        one.fact.call_id
        for one in record
        if isinstance(one.fact, CallConcluded) and one.fact.outcome is Outcome.NOT_TRIAGED
    }


def _rules_alone(recorded: Mapping[UUID, Ending], runs: Sequence[Mapping[UUID, Ending]], depended: set[UUID]) -> Check:
    alone = sorted(recorded.keys() - depended)
    shares = [fmean(_same(endings.get(call), recorded[call]) for call in alone) if alone else 1.0 for endings in runs]
    return Check(
        what="Calls that no provider and no reviewer had a part in: the same outcome and reason",
        bound=f"at least {RULES_ALONE:.0%} of {len(alone)} in every run",
        recorded=1.0,
        simulated=fmean(shares),
        low=min(shares),
        high=max(shares),
        holds=min(shares) >= RULES_ALONE,
    )


def _same(one: Ending | None, other: Ending) -> bool:
    return one is not None and (one.outcome, one.reason) == (other.outcome, other.reason)


def _count(outcome: Outcome, recorded: Run, runs: Sequence[Run]) -> Check:
    def of(run: Run) -> float:
        return float(Counter(one.outcome for one in run.endings.values())[outcome.value])

    most = max(1.0, MOST_OF_CALLS * len(recorded.endings))
    return _near(f"Calls that ended as: {said(outcome.value)}", of(recorded), [of(run) for run in runs], most)


def _near(what: str, was: float, given: Sequence[float], most: float) -> Check:
    mean, spread = fmean(given), stdev(given) if len(given) > 1 else 0.0
    bound = min(max(WITHIN_SPREADS * spread, 1.0), most)
    return Check(
        what=what,
        bound=f"mean within {bound:.1f}: three times the spread over the seeds, at most {most:.0f}",
        recorded=was,
        simulated=mean,
        low=min(given),
        high=max(given),
        holds=abs(mean - was) <= bound,
    )


def _time(what: str, recorded: Run, runs: Sequence[Run], share: float) -> Check:
    given = [rank(run.responses, share) for run in runs if run.responses]
    was = rank(recorded.responses, share) if recorded.responses else 0.0
    mean = fmean(given) if given else 0.0
    return Check(
        what=f"{what}, in seconds",
        bound=f"mean within {TIMES_WITHIN:.0%}",
        recorded=was,
        simulated=mean,
        low=min(given, default=0.0),
        high=max(given, default=0.0),
        holds=abs(mean - was) <= TIMES_WITHIN * was,
    )
