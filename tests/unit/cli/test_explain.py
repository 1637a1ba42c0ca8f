"""An explanation as a clinician and an auditor read it."""

from typing import cast
from uuid import UUID

import httpx
import pytest

from divert_chassis.http import application
from divert_chassis.run import Runtime
from divert_cli.calls import Json
from divert_cli.errors import StackError
from divert_cli.policy.explain import after, chosen, told
from divert_contracts.call import Picture, Signal
from divert_contracts.facts.triage import CallTriaged
from divert_contracts.vocabulary import Certainty, Hazard, SignalSource
from divert_triage.api import routes
from divert_triage.app import build
from divert_triage.domain import judging
from divert_triage.settings import Settings
from unit.triage.test_judging import ACCEPTED, picture, published, received


async def explained(one: Picture, *read: Signal) -> tuple[Json, Json]:
    """Return the recorded judgement of a picture and what triage's API says of it."""
    runtime = Runtime(build(), Settings())
    runtime.learn(published("a", ACCEPTED))
    fact = judging.judged(received(one).without_private(), runtime.given.policies.at(ACCEPTED))
    app = application(title="Triage", version="1.0.0", router=routes(runtime), health=runtime.health)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://triage") as http:
        asked = {
            "picture": one.model_dump(mode="json"),
            "read": [each.model_dump(mode="json") for each in read],
            "accepted_at": ACCEPTED.isoformat(),
        }
        answer = await http.post("/v1/explain", json=asked)
    return fact.model_dump(mode="json"), cast("Json", answer.json())


async def test_it_names_rules_sources_and_what_would_have_changed_the_answer() -> None:
    recorded, explanation = await explained(picture(weapon="", violence="unknown"))
    lines = list(told(recorded, explanation, same=explanation["decision"] == recorded["decision"]))
    text = "\n".join(lines)
    assert lines[1].startswith("needs review (umcr, urgent), by the policy a (")
    assert "R-UNANSWERED leads to review: A safety question was not asked." in text
    assert "because not “weapon” answered no" in text
    assert "To be eligible it would have taken: “weapon” answered no and “violence” answered no" in text
    assert "X-WEAPON excludes: A weapon was seen, mentioned or is within reach." in text
    assert "if “weapon” answered yes" in text
    assert "source: City of Portland, Portland Street Response dispatch criteria" in text
    assert "!" not in text


async def test_it_shows_what_was_read_and_says_when_triage_judges_otherwise_now() -> None:
    knife = Signal(
        hazard=Hazard.WEAPON, source=SignalSource.NARRATIVE, certainty=Certainty.PRESENT, code="knife", start=4, end=9
    )
    recorded, explanation = await explained(picture(), knife)
    text = "\n".join(told(recorded, explanation, same=explanation["decision"] == recorded["decision"]))
    assert "ineligible (none, immediate, hard exclusion)" in text
    assert "weapon (present), from narrative knife, characters 4 to 9" in text
    assert "without “knife” in what was written; answers alone would not do" in text
    assert "! It was recorded as eligible (umcr, urgent)" in text


async def test_what_a_recorded_call_type_tells_is_explained_as_it_was_live() -> None:
    armed = picture().model_copy(update={"call_type": "MAN WITH GUN"})
    recorded, live = await explained(armed)
    words = [one for one in recorded["signals"] if Signal.model_validate(one).from_words]
    assert words
    _, again = await explained(armed, *(Signal.model_validate(one) for one in words))
    assert again == live


def test_it_goes_on_with_what_became_of_the_call() -> None:
    other = "0192f7a0-0000-7000-8000-000000000007"
    happened: list[tuple[str, Json]] = [
        ("CallOpened", {}),
        ("CallReviewed", {"by": "desk-1", "eligibility": "eligible", "reason": "no_danger"}),
        ("DangerNearby", {"other_call_id": other, "hazards": ["weapon"], "same_place": True}),
        ("CallConcluded", {"outcome": "eligible_not_served", "reason": "recalled", "rule": "danger-nearby"}),
    ]
    facts: list[Json] = [
        {"type": f"divert.{kind}.v1", "occurred_at": f"2026-11-23T03:0{minute}:00Z", "content": content}
        for minute, (kind, content) in enumerate(happened)
    ]
    assert list(after({"facts": facts})) == [
        "",
        "What became of it",
        "  2026-11-23T03:01:00Z: desk-1 reviewed it: eligible (no danger)",
        f"  2026-11-23T03:02:00Z: danger at the same place counts here too: weapon, told by the call {other}",
        "  2026-11-23T03:03:00Z: it ended as eligible not served: recalled, by the rule danger-nearby",
    ]
    assert list(after({"facts": facts[:1]})) == []


async def test_the_newest_judgement_is_explained_unless_a_revision_is_named() -> None:
    recorded, _ = await explained(picture())
    content = {name: value for name, value in recorded.items() if name != "occurred_at"}
    later = {**content, "revision": {"number": 4, "digest": "cd" * 32}}
    facts: list[dict[str, object]] = [
        {"type": CallTriaged.type_name(), "occurred_at": "2026-11-23T03:00:00Z", "content": content},
        {"type": CallTriaged.type_name(), "occurred_at": "2026-11-23T03:01:00Z", "content": later},
        {"type": "divert.CallOpened.v1", "occurred_at": "2026-11-23T03:02:00Z", "content": {}},
    ]
    story: Json = {"facts": facts}
    assert chosen(story, None)["revision"]["number"] == 4
    assert chosen(story, "3")["occurred_at"] == "2026-11-23T03:00:00Z"
    assert chosen(story, "cdcd")["revision"]["number"] == 4
    with pytest.raises(StackError):
        chosen(story, str(UUID(int=1)))
