"""The same calls by each of the three ways into a provider: the same must become of each.

One provider a way, all at once, each simulated by `tools/provider-sim`, which knows the public contract alone. What a
provider does with a call is scripted by its incident number; what CAD and the desk do follows where the call stands.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import httpx
from pydantic import JsonValue

from divert_cli.bearers import Bearers
from divert_cli.calls import rows
from divert_cli.errors import StackError
from divert_cli.prepare import publish_beforehand, seed_policy
from divert_cli.simulated import simulated, until
from divert_cli.stack import LocalStack
from divert_contracts.facts.policies import ClockSet
from divert_contracts.policy import LEAD, digest
from divert_contracts.vocabulary import PolicyKind

Say = Callable[[str], None]
Json = dict[str, Any]

WAYS: Mapping[str, tuple[str, str]] = {
    "http": ("exodus", "1823"),
    "webhook": ("alcott", "0723"),
    "kafka": ("penny-lane", "1723"),
}
"""Each way's provider, and a reporting district that it serves."""
ANSWER_WITHIN = 6.0
"""Seconds for which an offer is open here, so that nobody waits long for what is never answered."""
_LEARNT = 3.0
"""Seconds after which every process has read a new policy, with time to spare."""
_LOOKS_EVERY = 0.3
_AT_ONCE = 20
"""Calls of one way that are under way."""
_ANSWERED_WITHIN = 30.0
_CONFLICT = 409
SAFE = ("weapon", "violence", "medical_emergency", "overdose", "suicidal", "crime_in_progress", "domestic_violence")
ALSO_SAFE = ("hostage", "in_traffic", "at_height", "in_vehicle", "fire")

COMPARED = (
    "outcome",
    "reason",
    "rule",
    "eligibility",
    "acuity",
    "programme",
    "attempts",
    "declines",
    "time_outs",
    "contact",
    "disposition",
    "police",
    "backup_requests",
    "emergencies",
    "medical_requests",
    "hand_back",
    "hand_backs",
    "take_backs",
    "recommended",
    "follow_up",
    "safety_events",
    "revisions",
)
"""What must be equal of reporting's rows; ids, provider and times are left aside."""
TIMES_COMPARED = ("danger_known_at", "withdrawn_at", "on_scene_at", "cleared_at")
"""Of these whether there is one."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A call's story: what the provider does, and what others do where the call stands so."""

    name: str
    steps: Sequence[Json]
    """As `provider_sim --script` reads them."""
    then: Mapping[str, str] = field(default_factory=dict[str, str])
    """By the stage in which it is done: ``cancel``, ``weapon`` or ``answer``."""
    either: frozenset[str] = frozenset()
    """Columns that say what routing read first: a revision, or what the rules made of it. They are on two topics."""


def _said(verb: str, **more: object) -> Json:
    return {"verb": verb, **more}


_TAKE = _said("acknowledge", body={"arrive_in_seconds": 300})
_THERE = (_TAKE, _said("en-route"), _said("on-scene"))
_MET = _said("contacted", body={"contact": "in_person"})
_CLOSE = _said("close", body={"contact": "in_person", "disposition": "resolved_on_scene"})
_CONFIRM = _said("confirm-recall", upon="recalled")

SCENES: Sequence[Scene] = (
    Scene("served", (*_THERE, _MET, _CLOSE)),
    Scene(
        "served by phone",
        (
            _TAKE,
            _said("contacted", body={"contact": "phone"}),
            _said("close", body={"contact": "phone", "disposition": "resolved_by_phone"}),
        ),
    ),
    Scene("declined", (_said("decline", body={"reason": "at_capacity"}),)),
    Scene("never answered", ()),
    Scene("handed back before contact", (_TAKE, _said("hand-back", body={"reason": "no_longer_able"}))),
    Scene(
        "handed back after contact",
        (*_THERE, _MET, _said("hand-back", body={"reason": "violence", "hazards": ["violence"]}), _CONFIRM),
    ),
    Scene(
        "backup",
        (*_THERE, _said("backup", body={"hazards": ["violence"]}), _said("backup-arrived"), _MET, _CLOSE, _CONFIRM),
    ),
    Scene("emergency", (*_THERE, _MET, _said("emergency", body={"hazards": ["weapon"]}), _CLOSE, _CONFIRM)),
    Scene("cancelled by the caller", (_TAKE, _CONFIRM), {"acknowledged": "cancel"}),
    Scene(
        "a weapon is mentioned",
        (_TAKE, _CONFIRM),
        {"acknowledged": "weapon"},
        either=frozenset({"rule", "acuity", "programme", "eligibility"}),
    ),
    Scene("closed before it was taken", (_CLOSE, *_THERE, _MET, _CLOSE)),
    Scene("everything said twice", tuple({**one, "twice": True} for one in (*_THERE, _MET, _CLOSE))),
    Scene(
        "a question",
        (*_THERE, _said("question", body={"question": "fire"}), {**_CLOSE, "upon": "answered"}),
        {"on_scene": "answer"},
    ),
    Scene("an answer after the recall", ({**_TAKE, "upon": "recalled"}, {**_CLOSE, "upon": "recalled"})),
    Scene("followed up", (*_THERE, _MET, _CLOSE, _said("follow-up", body={"result": "reached"}))),
)


@dataclass(frozen=True, slots=True)
class Difference:
    """A call of which not the same became by every way."""

    scene: str
    number: int
    what: str
    by_way: Mapping[str, JsonValue]


@dataclass(slots=True)
class Result:
    """What was seen."""

    calls: int = 0
    """By each way."""
    concluded: Mapping[str, int] = field(default_factory=dict[str, int])
    """By way."""
    seconds: float = 0.0
    endings: Mapping[str, str] = field(default_factory=dict[str, str])
    """Outcome and reason of each scene, by the first way."""
    differences: Sequence[Difference] = ()

    @property
    def clean(self) -> bool:
        """Say whether every call was concluded, and each the same by every way."""
        return self.calls > 0 and all(self.concluded[way] == self.calls for way in WAYS) and not self.differences


async def prove(data: Path, *, calls: int, say: Say) -> Result:
    """Run the same calls by each way on a fresh stack that asks everybody who they are.

    Args:
        data: where the stack keeps everything.
        calls: how many by each way.
        say: is told what is going on.

    Raises:
        StackError: the stack does not start, or a call does not come to its end.
    """
    numbers = {way: [f"{way.upper()}{number:05d}" for number in range(calls)] for way in WAYS}
    async with LocalStack(data, preferred_ports=False, environment={}, secured=True) as stack:
        bearers = Bearers(stack)
        await hurry(stack.kafka, answer_within=ANSWER_WITHIN)
        script = data / "script.json"
        plans = {name: SCENES[at % len(SCENES)].steps for names in numbers.values() for at, name in enumerate(names)}
        script.write_text(json.dumps(plans), encoding="utf-8")
        began = asyncio.get_running_loop().time()
        async with (
            simulated(stack, "http", "exodus", "--team", "exodus-1", "--script", str(script)),
            simulated(stack, "webhook", "alcott", "--team", "alcott-1", "--script", str(script)),
            simulated(stack, "kafka", "penny-lane", "--team", "penny-lane-1", "--script", str(script)),
            httpx.AsyncClient(timeout=20, trust_env=False, auth=bearers) as http,
        ):
            world = World(stack.urls, http)
            say(f"{calls} calls by each of {len(WAYS)} ways")
            await asyncio.gather(*(_played(world, way, numbers[way]) for way in WAYS))
            await _reported(stack.urls["reporting"], bearers, calls * len(WAYS))
        found = {row["incident_number"]: row for row in rows(stack.urls["reporting"], auth=bearers)}
        return _compared(numbers, found, asyncio.get_running_loop().time() - began)


async def hurry(kafka: str, *, answer_within: float) -> None:
    """Let offers expire soon, and nobody help anybody else, from now on; return when it is known everywhere.

    Raises:
        PrepareError: such a version is published already.
        BrokerError: Kafka does not answer.
    """
    policy = seed_policy(PolicyKind.ROUTING)
    limits = cast("dict[str, JsonValue]", policy.document["limits"])
    by_acuity = cast("dict[str, dict[str, JsonValue]]", limits["by_acuity"])
    short: dict[str, JsonValue] = {name: {**one, "offer_open": answer_within} for name, one in by_acuity.items()}
    start = datetime.now(UTC) - timedelta(seconds=1)
    version = f"{policy.version}-proof-{answer_within:g}"
    document: dict[str, JsonValue] = {
        **policy.document,
        "version": version,
        "in_force_from": start.isoformat(),
        "limits": {**limits, "by_acuity": short},
        "mutual_aid": [],
    }
    known = {"version": version, "in_force_from": start, "document": document, "digest": digest(document)}
    real_from = datetime.now(UTC) + timedelta(seconds=_LEARNT)
    as_ever = ClockSet(occurred_at=real_from, real_from=real_from, domain_from=real_from, rate=1)
    await publish_beforehand(kafka, policy.model_copy(update={"occurred_at": start - LEAD, **known}), as_ever)
    await asyncio.sleep(_LEARNT)


@dataclass(frozen=True, slots=True)
class World:
    """CAD and the desk, over HTTP."""

    urls: Mapping[str, str]
    http: httpx.AsyncClient

    async def post(self, number: str, district: str) -> str:
        """Post a call that an unarmed team may take; return its id."""
        answer = await self.http.post(f"{self.urls['intake']}/v1/calls", json=self.body(number, district, {}))
        return str(_sure(answer)["call_id"])

    async def status(self, call: str) -> Json:
        """Return where a call stands; nothing while routing has not heard of it."""
        answer = await self.http.get(f"{self.urls['routing']}/v1/calls/{call}/status")
        return cast("Json", answer.json()) if answer.is_success else {}

    async def do(self, what: str, call: str, number: str, district: str) -> bool:
        """Do what a scene has others do; return whether it was time for it."""
        at_intake = f"{self.urls['intake']}/v1/calls/{call}"
        if what == "cancel":
            _sure(await self.http.post(f"{at_intake}/cancel", json={"agency": "lapd", "reason": "caller"}))
        elif what == "weapon":
            _sure(await self.http.put(at_intake, json=self.body(number, district, {"weapon": "yes"})))
        else:
            body = {"by": "desk-1", "question": "fire", "answer": "no"}
            url = f"{self.urls['routing']}/v1/calls/{call}/answer-question"
            answer = await self.http.post(url, json=body)
            if answer.status_code == _CONFLICT:
                return False  # the team is there, and its question still on its way
            _sure(answer)
        return True

    @staticmethod
    def body(number: str, district: str, answers: Mapping[str, str]) -> Json:
        """Return a call as CAD posts it."""
        return {
            "agency": "lapd",
            "incident_number": number,
            "feed": "diverted",
            "origin": "911",
            "call_type": "918",
            "reporting_district": district,
            "answers": {**dict.fromkeys((*SAFE, *ALSO_SAFE), "no"), **answers},
            "narrative": "Man on the bench weeping.",
        }


def _sure(answer: httpx.Response) -> Json:
    if not answer.is_success:
        raise StackError(f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:200]}")
    return cast("Json", answer.json())


async def _played(world: World, way: str, numbers: Sequence[str]) -> None:
    """Play all calls of a way, so many at once."""
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(at: int, number: str) -> None:
        async with turns:
            await _call(world, SCENES[at % len(SCENES)], number, WAYS[way][1])

    await asyncio.gather(*(one(at, number) for at, number in enumerate(numbers)))


async def _call(world: World, scene: Scene, number: str, district: str) -> None:
    call = await world.post(number, district)
    left = dict(scene.then)
    give_up = asyncio.get_running_loop().time() + ANSWER_WITHIN + _ANSWERED_WITHIN * 2
    while True:
        stage = (await world.status(call)).get("stage")
        if stage == "concluded":
            return
        if stage in left and await world.do(left[stage], call, number, district):
            del left[stage]
        if asyncio.get_running_loop().time() > give_up:
            raise StackError(f"{scene.name}: call {call} is still {stage}")
        await asyncio.sleep(_LOOKS_EVERY)


async def _reported(reporting: str, auth: httpx.Auth, calls: int) -> None:
    """Wait until reporting has every call's end, and what was said after it."""
    seen: list[str] = []

    async def settled() -> bool:
        now = await asyncio.to_thread(lambda: list(rows(reporting, auth=auth, in_flight=False)))
        seen.append(json.dumps(now, sort_keys=True))
        return len(now) >= calls and len(seen) > _STILL and len(set(seen[-_STILL:])) == 1

    await until(settled, "reporting to have every call", within=240)


_STILL = 8
"""Looks at reporting's tables that must show the same."""


def _of(row: Json, column: str) -> JsonValue:
    value: JsonValue = row[column] if row else None
    return value is not None if column in TIMES_COMPARED else value


def _compared(numbers: Mapping[str, Sequence[str]], found: Mapping[str, Json], seconds: float) -> Result:
    first, *_ = WAYS
    differences: list[Difference] = []
    for at in range(len(numbers[first])):
        ours = {way: found.get(names[at], {}) for way, names in numbers.items()}
        scene = SCENES[at % len(SCENES)]
        for column in (one for one in (*COMPARED, *TIMES_COMPARED) if one not in scene.either):
            by_way = {way: _of(row, column) for way, row in ours.items()}
            if len({json.dumps(value, sort_keys=True) for value in by_way.values()}) > 1:
                differences.append(Difference(scene.name, at, column, by_way))
    endings = {
        scene.name: f"{row.get('outcome')}: {row.get('reason')}"
        for scene, row in zip(SCENES, (found.get(name, {}) for name in numbers[first]), strict=False)
    }
    concluded = {
        way: sum(found.get(name, {}).get("outcome") is not None for name in names) for way, names in numbers.items()
    }
    return Result(len(numbers[first]), concluded, seconds, endings, differences)
