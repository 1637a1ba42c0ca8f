"""What happens in the city while a test looks at the desk: CAD and providers over their public interfaces."""

import itertools
import uuid
from dataclasses import dataclass

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
    client: httpx.AsyncClient

    def __post_init__(self) -> None:
        """Sign in, to each service as whoever fits."""
        self.client.auth = Bearers(self.system)

    async def call(self, narrative: str = "Man on the bench weeping.", **changes: JsonValue) -> str:
        """Post a call and return its id."""
        number = f"T{uuid.uuid4().hex[:10].upper()}"
        place = next(PLACES)
        own: dict[str, JsonValue] = {
            "incident_number": number,
            "narrative": narrative,
            "address": {"text": f"{place} S Vermont Ave", "cross_street": "W 12th St"},
            "caller": {"number": f"+1 213 {place:07d}"},
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
        """Take back what is open, accept every hand-off and confirm every recall, until the desk is quiet."""

        async def quiet() -> bool:
            answer = await self.client.get(f"{self.system.urls['routing']}/v1/calls", params={"limit": 2000})
            left = [one["call_id"] for one in answer.json()["calls"] if one["stage"] != "observed"]
            said = [one for call in left for one in await self._finish(call)]
            assert left == [], said
            return True

        await eventually(quiet, "the desk to be quiet", within=120, every=0.2)

    async def _finish(self, call: str) -> list[str]:
        """Bring one call nearer to its end, and return what was done and answered."""
        url = f"{self.system.urls['routing']}/v1/calls/{call}"
        status = (await self.client.get(f"{url}/status")).json()
        orders: list[tuple[str, dict[str, JsonValue]]] = []
        if status["stage"] != "concluded":
            orders.append((f"{url}/direct", {"direction": "take_back", "reason": "other", "by": "test"}))
        for recall in status["unconfirmed"]:
            gateway = self.system.urls[f"provider-gateway-{recall['provider']}"]
            orders.append((f"{gateway}/v1/cases/{recall['case_id']}/confirm-recall", {}))
        for waiting in status["waiting"]:
            accepted = {"agency": status["agency"], "handoff_id": waiting["handoff_id"], "by": "test"}
            orders.append((f"{self.system.urls['intake']}/v1/calls/{call}/handoff-accepted", accepted))
        answers = [(where, await self.client.post(where, json=order)) for where, order in orders]
        return [str(status), *(f"{where}: {answer.status_code} {answer.text}" for where, answer in answers)]


PLACES = itertools.count(1000)
"""A house number for each call, because danger counts next door."""
FENCED = frozenset({"acknowledge", "decline", "en-route", "close", "hand-back"})
"""What is said about who has the case, and so names its epoch."""
