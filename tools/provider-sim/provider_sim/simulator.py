"""The provider: hears, and does by its plans."""

import asyncio
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

from provider_sim.contract import NEEDS_EPOCH, News, Told
from provider_sim.plans import Behaviour, Plan, Step, Transport
from provider_sim.ways import Way

RUBBISH_EVERY = 0.05


class Provider:
    """Acts on what it hears."""

    def __init__(self, way: Way, behaviour: Behaviour, script: Mapping[str, Plan]) -> None:
        """Act by the script where it names the incident, else by the behaviour."""
        self._way = way
        self._behaviour = behaviour
        self._script = script
        self._plans: dict[str, Plan] = {}
        self._epochs: dict[str, int] = {}
        self._recalled: set[str] = set()

    async def run(self) -> None:
        """Act until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            if self._behaviour.transport is Transport.RUBBISH:
                tasks.create_task(self._rubbish())
            while True:
                told = await self._way.heard.get()
                _say("told", told.case, told.news.value)
                tasks.create_task(self._act(told))

    async def _act(self, told: Told) -> None:
        if told.news is News.OFFERED:
            self._plans[told.case] = self._script.get(told.incident_number, self._behaviour.plan)
            self._epochs[told.case] = told.epoch
        if told.news is News.RECALLED:
            self._recalled.add(told.case)
        for step in self._plans.get(told.case, ()):
            if step.upon is told.news:
                await asyncio.sleep(_wait(step, told))
                if told.news is News.OFFERED and told.case in self._recalled:
                    return  # who is told to stop leaves everything else
                for _ in range(1 + step.twice):
                    await self._step(step, told.case)

    async def _step(self, step: Step, case: str) -> None:
        body = dict(step.body)
        if step.verb in NEEDS_EPOCH:
            body.setdefault("epoch", self._epochs[case])
        answer = await self._way.say(case, step.verb, body)
        _say("said", case, step.verb, taken=answer.taken, code=answer.code)

    async def _rubbish(self) -> None:
        while True:
            await self._way.rubbish("3f0c9d52-0000-4000-8000-000000000000")
            await asyncio.sleep(RUBBISH_EVERY)


def _wait(step: Step, told: Told) -> float:
    if not step.wait_share or not told.answer_by:
        return step.after
    left = (datetime.fromisoformat(told.answer_by) - datetime.now(UTC)).total_seconds()
    return max(0.0, left * step.wait_share)


def _say(what: str, case: str, word: str, *, taken: bool = True, code: str = "") -> None:
    """Write a line for who watches: ids and words of the contract alone."""
    line = {"at": datetime.now(UTC).isoformat(), what: word, "case": case}
    if what == "said":
        line |= {"taken": taken, "code": code}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
