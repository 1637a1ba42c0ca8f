"""What happens in the city while a test looks at the desk: CAD and providers over their public interfaces."""

import uuid
from dataclasses import dataclass, field

import httpx
from pydantic import JsonValue

from divert_cli.bearers import Bearers
from divert_cli.stack import LocalStack
from waiting import eventually

AGENCY = "lapd"
CLEAR: dict[str, JsonValue] = dict.fromkeys(
    (
        "weapon",
        "violence",
        "medical_emergency",
        "overdose",
        "suicidal",
        "crime_in_progress",
        "domestic_violence",
        "hostage",
        "in_traffic",
        "at_height",
        "in_vehicle",
        "fire",
    ),
    "no",
)
WHOLE: dict[str, JsonValue] = {
    "agency": AGENCY,
    "feed": "diverted",
    "origin": "911",
    "call_type": "918",
    "reporting_district": "0723",
    "answers": CLEAR,
}
"""A call that an unarmed team may take, but for its number, its place and its words."""


@dataclass
class City:
    """Posts calls and acts as providers."""

    system: LocalStack
    client: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(timeout=20, trust_env=False))

    def __post_init__(self) -> None:
        """Sign in, to each service as whoever fits."""
        self.client.auth = Bearers(self.system)

    async def call(self, narrative: str = "Man on the bench weeping.", **changes: JsonValue) -> str:
        """Post a call and return its id."""
        number = f"T{uuid.uuid4().hex[:10].upper()}"
        own: dict[str, JsonValue] = {
            "incident_number": number,
            "narrative": narrative,
            # Each at a place and from a line of its own: danger counts next door.
            "address": {"text": f"{int(number[1:5], 16)} S Vermont Ave", "cross_street": "W 12th St"},
            "caller": {"number": f"+1 213 {int(number[1:6], 16):07d}"},
        }
        body = {**WHOLE, **own, **changes}
        answer = await self.client.post(f"{self.system.urls['intake']}/v1/calls", json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["call_id"])

    async def in_review(self, narrative: str = "Man on the bench weeping.", **changes: JsonValue) -> str:
        """Post a call that a person must decide, and wait until it waits for one."""
        call = await self.call(narrative, answers={**CLEAR, "weapon": "unknown"}, **changes)
        await self.stage(call, "in_review")
        return call

    async def stage(self, call: str, *stages: str) -> dict[str, JsonValue]:
        """Wait until a call stands at one of these stages, and return its status."""

        async def stands() -> dict[str, JsonValue] | None:
            answer = await self.client.get(f"{self.system.urls['routing']}/v1/calls/{call}/status")
            status = answer.json()
            assert answer.is_success and status["stage"] in stages, status  # noqa: PT018  # what it is instead is told
            return status

        return await eventually(stands, f"call {call} to be {' or '.join(stages)}", within=60, every=0.1)

    async def says(self, call: str, *verbs: str, **body: JsonValue) -> None:
        """Let the provider that has the call say things, one after the other."""
        status = (await self.client.get(f"{self.system.urls['routing']}/v1/calls/{call}/status")).json()
        gateway = self.system.urls[f"provider-gateway-{status['provider']}"]
        for verb in verbs:
            said = {"epoch": status["epoch"], **body} if verb in FENCED else dict(body)
            if verb == "acknowledge":
                said["arrive_in_seconds"] = 900

            async def answered(verb: str = verb, said: dict[str, JsonValue] = said) -> bool:
                answer = await self.client.post(f"{gateway}/v1/cases/{status['case_id']}/{verb}", json=said)
                assert answer.is_success, answer.text
                return True

            await eventually(answered, f"the gateway to take {verb}", within=60, every=0.1)

    async def on_scene(self, narrative: str = "Man on the bench weeping.", **changes: JsonValue) -> str:
        """Post a call and bring a team there."""
        call = await self.call(narrative, **changes)
        await self.stage(call, "offered")
        await self.says(call, "acknowledge", "en-route", "on-scene")
        await self.stage(call, "on_scene")
        return call

    async def accept_everything(self) -> None:
        """Accept every hand-off and call for assistance, and confirm what is recalled, so that the desk is quiet."""

        async def quiet() -> bool:
            # What was said last may still be on its way, and brings more that is to be accepted.
            await self._accept_what_is_open()
            routing = self.system.urls["routing"]
            left = (await self.client.get(f"{routing}/v1/calls", params={"limit": 2000})).json()["calls"]
            return all(one["stage"] == "observed" for one in left)

        await eventually(quiet, "the desk to be quiet", within=120, every=0.2)

    async def _accept_what_is_open(self) -> None:
        routing = self.system.urls["routing"]
        open_calls = (await self.client.get(f"{routing}/v1/calls", params={"limit": 2000})).json()["calls"]
        for one in open_calls:
            status = (await self.client.get(f"{routing}/v1/calls/{one['call_id']}/status")).json()
            if status["stage"] != "concluded":
                order = {"direction": "take_back", "reason": "other", "by": "test"}
                await self.client.post(f"{routing}/v1/calls/{one['call_id']}/direct", json=order)
                status = (await self.client.get(f"{routing}/v1/calls/{one['call_id']}/status")).json()
            for recall in status["unconfirmed"]:
                gateway = self.system.urls[f"provider-gateway-{recall['provider']}"]
                await self.client.post(f"{gateway}/v1/cases/{recall['case_id']}/confirm-recall", json={})
            for waiting in status["waiting"]:
                accepted = {"agency": status["agency"], "handoff_id": waiting["handoff_id"], "by": "test"}
                url = f"{self.system.urls['intake']}/v1/calls/{one['call_id']}/handoff-accepted"
                await self.client.post(url, json=accepted)


FENCED = frozenset({"acknowledge", "decline", "en-route", "close", "hand-back"})
"""What is said about who has the case, and so names its epoch."""
