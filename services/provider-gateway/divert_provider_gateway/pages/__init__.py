"""The portal: one provider's offers and cases for a phone in a moving van and for a desk."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from divert_chassis.access import OwnPage, SignInFirst, about, in_grace, open_to_all, principal, requires, shows
from divert_chassis.core import Reply
from divert_chassis.pages import Pages
from divert_chassis.problems import Problem
from divert_chassis.run import Runtime
from divert_chassis.sessions import add_sign_in
from divert_contracts.access import Scope
from divert_contracts.model import Term
from divert_contracts.step import Refusal
from divert_contracts.vocabulary import (
    Contact,
    DeclineReason,
    Disposition,
    FollowUp,
    HandBackReason,
    Hazard,
    Need,
    SafetyEvent,
    Verb,
)
from divert_provider_gateway.adapters import Casebook, open_cases
from divert_provider_gateway.api import LEDGER, MOST_LISTED, sign_off, tell
from divert_provider_gateway.domain.books import Entry
from divert_provider_gateway.domain.case import HELD, Case, Roster, Rules
from divert_provider_gateway.domain.said import (
    VERBS,
    Close,
    HandBack,
    OnShift,
    SafetyReport,
    Said,
    SignOff,
    SignOn,
    WriteNote,
)
from divert_provider_gateway.pages.view import View, aim, focus, in_order, stops, view
from divert_provider_gateway.pages.who import DESK, DEVICE, LANGUAGE, Device, Who, named, remember
from divert_provider_gateway.pages.words import Words, chosen, read
from divert_provider_gateway.settings import Settings

MANY = frozenset({"hazards", "needs", "languages"})
"""Fields of which a form may hold several."""
FOLLOW_UP = timedelta(hours=48)
HAND_BACK_HAZARDS = {
    HandBackReason.WEAPON: Hazard.WEAPON,
    HandBackReason.VIOLENCE: Hazard.VIOLENCE,
    HandBackReason.MEDICAL: Hazard.MEDICAL,
}
"""What a hand-back for such a reason says of danger."""
TRANSPORTS = ("home", "family", "shelter", "crisis_centre", "clinic", "sobering_centre", "other")
REFERRALS = (
    "crisis_line",
    "mental_health",
    "housing",
    "food",
    "mediation",
    "legal_aid",
    "family_service",
    "other",
)
SHOWN_HEADERS = {"referrer-policy": "same-origin"}
"""Without it browsers would send forms without an origin."""
MOST_FIELDS = 60
LONGEST_KEY = 128
LONGEST_COUNT = 6
MOST_SHOWN = 50
"""Of each part of a book; the interface lists more."""
BOOKS = ("/follow-ups", "/safety")
"""Pages that a form may ask to come back to."""
NO_DEVICE = Refusal("who", "Say first who uses this device.", 401)
INVALID = Refusal("invalid", "Something is missing, or does not fit.", 422)
Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=LONGEST_KEY)]


def add_pages(router: APIRouter, runtime: Runtime[Rules], settings: Settings) -> None:
    """Add the portal to the routes."""
    portal = Portal(runtime, settings)
    portal.pages.add_assets(router)
    add_sign_in(router, portal.pages, ring=settings.dispatcher_number)
    _add_cases(router, portal)
    _add_saying(router, portal)
    _add_device(router, portal)
    _add_shift(router, portal)
    _add_books(router, portal)


class Portal:
    """What all routes of the portal share."""

    def __init__(self, runtime: Runtime[Rules], settings: Settings) -> None:
        """Read the templates and the words."""
        self.runtime = runtime
        self.settings = settings
        self.pages = Pages(Path(__file__).parent, runtime.clock)
        self.pages.env.filters |= {"clock": self._clock, "day": self._day, "date": self._date}
        self._choices: dict[str, object] = {
            "dispositions": _known(Disposition),
            "decline_reasons": _known(DeclineReason),
            "hand_back_reasons": _known(HandBackReason),
            "contacts": (Contact.IN_PERSON, Contact.PHONE, Contact.NONE),
            "transports": TRANSPORTS,
            "referrals": REFERRALS,
            "needs": _known(Need),
            "number": settings.dispatcher_number,
        }
        self._words = read()

    def words(self, request: Request) -> Words:
        """Return the words in the language of a device."""
        return chosen(self._words, request.cookies.get(LANGUAGE), request.headers.get("accept-language", ""))

    def shown(self, request: Request, name: str, status: int = 200, **values: object) -> Response:
        """Return a page in the language of the device that asks."""
        t = self.words(request)
        return self.pages.shown(name, status, SHOWN_HEADERS, t=t, lang=t.language, **self._choices, **values)

    def view(self, case: Case, device: Device) -> View:
        """Return what a device shows of a case now."""
        return view(case, device, self.runtime.given, self.runtime.clock.now(), map_url=self.settings.map_url)

    async def case(self, case_id: UUID, device: Device) -> Case | None:
        """Return a case that a device may see, or None."""
        case = await self.runtime.get(Case, str(case_id))
        return case if case is not None and case.identity is not None and device.sees(case) else None

    async def roster(self) -> Roster:
        """Return who is on duty."""
        provider = self.settings.member
        return await self.runtime.get(Roster, provider) or Roster(provider=provider)

    async def body(self, request: Request, device: Device, wanted: UUID | None) -> dict[str, object]:
        """Return what the live part of a page shows: every case in brief, one of them whole.

        Raises:
            SignInFirst: the session is over, and it is not a team that asks.
        """
        cases: Sequence[Case] = await open_cases(self.runtime)
        asked = None if wanted is None else await self.case(wanted, device)
        if in_grace():
            if device.team is None:
                raise SignInFirst(over=True)
            cases = [case for case in cases if device.minds(case)]
            asked = next((case for case in cases if case.case_id == wanted), None)
            wanted = None if asked is None else wanted
        shown = self.live(self.words(request), device, cases, asked, await self.roster(), wanted=wanted)
        digest = hashlib.sha256(str(shown["live"]).encode()).hexdigest()[:16]
        return {**shown, "seen": digest, "wanted": wanted}

    def live(
        self,
        t: Words,
        device: Device,
        cases: Sequence[Case],
        asked: Case | None,
        roster: Roster,
        *,
        wanted: UUID | None = None,
    ) -> dict[str, object]:
        """Return the live part of a page, and what it was made of.

        Args:
            t: the words of a language.
            device: who looks.
            cases: the open cases, in any order.
            asked: the case that was asked for and may be seen.
            roster: who is on duty.
            wanted: the id of the case that was asked for.
        """
        seen = [case for case in in_order(cases, self.runtime.clock.now()) if device.sees(case)]
        whole = focus(seen, device, asked)
        covering = stops(seen, device)
        read = whole or next(iter(covering), None)
        if read is not None:
            about(read.case_id)
        shows(case.case_id for case in seen if case is not read)
        help_about = aim(seen, device, whole)
        values: dict[str, object] = {
            "device": device,
            "roster": roster,
            "views": [self.view(case, device) for case in seen if case not in covering],
            "stops": [self.view(case, device) for case in covering],
            "focus": None if whole is None else self.view(whole, device),
            "aim": help_about,
            "aimed": None if help_about is None else self.view(help_about, device),
            "missing": wanted is not None and asked is None,
            "late": in_grace(),
        }
        return {**values, "live": self.pages.env.get_template("_live.html").render(t=t, **self._choices, **values)}

    def refused(self, request: Request, refusal: Refusal) -> Problem:
        """Return the problem that answers a tap, in the language of its device."""
        t = self.words(request)
        known = t.has("refusal", refusal.code)
        return Problem(refusal.status, refusal.code, "Refused", t("refusal", refusal.code if known else "other"))

    def answered(self, request: Request, device: Device | None, reply: Reply, then: str) -> Response:
        """Return the answer to a tap: to the portal's script as JSON, to a plain form as the page to go on with."""
        by_script = "application/json" in request.headers.get("accept", "")
        if reply.refusal is not None:
            problem = self.refused(request, reply.refusal)
            if by_script:
                raise problem
            return self.shown(request, "refused.html", problem.status, device=device, why=problem.detail, then=then)
        if by_script:
            return Response(reply.answer, media_type="application/json")
        return RedirectResponse(then, 303)

    def _clock(self, at: datetime) -> str:
        return at.astimezone(self.settings.zone).strftime("%H:%M")

    def _date(self, at: datetime) -> str:
        return at.astimezone(self.settings.zone).strftime("%Y-%m-%d")

    def _day(self, at: datetime) -> str:
        return at.astimezone(self.settings.zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def _known(kind: type[Term]) -> tuple[Term, ...]:
    return tuple(one for one in kind if one.value != "unknown")


def _add_cases(router: APIRouter, portal: Portal) -> None:
    async def page(request: Request, device: Device | None, wanted: UUID | None) -> Response:
        if device is None:
            return RedirectResponse("/who", 303)
        values = await portal.body(request, device, wanted)
        if values["late"] and not values["views"] and not values["stops"]:
            raise SignInFirst(over=True)
        return portal.shown(request, "portal.html", 404 if values["missing"] else 200, **values)

    @router.get("/", include_in_schema=False)
    @requires(Scope.USE_PORTAL, grace=True)
    async def read_home(request: Request, device: Who) -> Response:
        return await page(request, device, None)

    @router.get("/cases/{case_id}", include_in_schema=False)
    @requires(Scope.USE_PORTAL, grace=True)
    async def read_case(request: Request, device: Who, case_id: UUID) -> Response:
        return await page(request, device, case_id)

    @router.get("/live", include_in_schema=False)
    @requires(Scope.USE_PORTAL, grace=True)
    async def read_live(
        request: Request,
        device: Who,
        case: UUID | None = None,
        seen: Annotated[str, Query(max_length=64)] = "",
    ) -> Response:
        """Return the live part of a page, or 204 when the device shows it already."""
        if device is None:
            return Response(status_code=204, headers={"hx-redirect": "/who"})
        values = await portal.body(request, device, case)
        if values["seen"] == seen:
            return Response(status_code=204)
        return portal.shown(request, "_news.html", 200, **values)


def _add_saying(router: APIRouter, portal: Portal) -> None:
    runtime = portal.runtime

    @router.post("/cases/{case_id}/{verb}", include_in_schema=False, dependencies=[OwnPage])
    @requires(Scope.USE_PORTAL, safety=_is_report)
    async def say(request: Request, device: Who, case_id: UUID, verb: str, key: Key = None) -> Response:
        """Say what was tapped. Nobody has to say who they are for what is never refused."""
        kind = VERBS.get(Verb(verb))
        if kind is None:
            raise Problem(404, "not-found", "Not Found")
        fields = await _fields(request)
        then = str(fields.get("then", ""))
        then = then if then in BOOKS else f"/cases/{case_id}"
        key = key or _one_key(fields)
        if device is None and not issubclass(kind, SafetyReport):
            raise portal.refused(request, NO_DEVICE)
        said = _said(kind, fields, _by(device), runtime.clock.now())
        if said is None:
            raise portal.refused(request, INVALID)
        written = _said(WriteNote, {**fields, "text": fields.get("note", "")}, said.by, runtime.clock.now())
        if isinstance(said, Close) and written is not None:
            # A note that is refused does not keep the case open.
            await tell(runtime, case_id, written, None if key is None else f"note:{key}")
        return portal.answered(request, device, await tell(runtime, case_id, said, key), then)


def _by(device: Device | None) -> str | None:
    """Return who says it: whoever has signed in, or where nobody has to, what the device is used as."""
    who = principal()
    if who is not None:
        return who.person
    return None if device is None else device.by


def _is_report(path: Mapping[str, str]) -> bool:
    """Say whether what is tapped is never refused."""
    kind = VERBS.get(Verb(path["verb"]))
    return kind is not None and issubclass(kind, SafetyReport)


def _said(kind: type[Said], fields: Mapping[str, object], by: str | None, at: datetime) -> Said | None:
    """Return what a form says, or null when that cannot be read."""
    values = {**fields, "by": by}
    if kind is Close and fields.get("follow_up"):
        # By the tap's own time: a tap that is sent again says the same, or it would be refused as another one.
        values["follow_up_due"] = _tapped(fields, at) + FOLLOW_UP
    if kind is HandBack:
        hazard = HAND_BACK_HAZARDS.get(HandBackReason(str(fields.get("reason", ""))))
        values["hazards"] = () if hazard is None else (hazard,)
    try:
        return kind.model_validate(values)
    except ValidationError:
        return None


def _tapped(fields: Mapping[str, object], at: datetime) -> datetime:
    """Return when a form was sent off by the device's clock, or now where that is not said or cannot be."""
    try:
        tapped = Said.model_validate({"said_at": fields.get("said_at")}).said_at
    except ValidationError:
        return at
    return at if tapped is None or abs(at - tapped) > FOLLOW_UP else tapped


def _one_key(fields: Mapping[str, object]) -> str | None:
    """Return the key of a form that names what was there before, so that a double tap is one."""
    known = fields.get("known")
    if not isinstance(known, str) or not known.isdigit() or len(known) > LONGEST_COUNT:
        return None
    return f"{known}:{fields.get('result')}:{fields.get('event')}"


async def _fields(request: Request) -> dict[str, object]:
    """Return what a form holds; empty fields count as absent, and what cannot be read as an empty form."""
    try:
        pairs = parse_qsl((await request.body()).decode(), max_num_fields=MOST_FIELDS)
    except ValueError:
        return {}
    fields: dict[str, object] = dict(pairs)
    return fields | {name: [value for one, value in pairs if one == name] for name in MANY & fields.keys()}


def _add_device(router: APIRouter, portal: Portal) -> None:
    @router.get("/who", include_in_schema=False)
    @requires(Scope.USE_PORTAL)
    async def read_who(request: Request, device: Who) -> Response:
        return portal.shown(request, "who.html", device=device, roster=await portal.roster(), bad=False)

    @router.post("/who", include_in_schema=False, dependencies=[OwnPage])
    @requires(Scope.USE_PORTAL)
    async def change_who(request: Request) -> Response:
        told = await _fields(request)
        if told.get("use") == DESK:
            return remember(RedirectResponse("/", 303), request, DEVICE, DESK)
        device = named(str(told.get("team", "")))
        if device is None:
            return portal.shown(request, "who.html", 422, device=None, roster=await portal.roster(), bad=True)
        return remember(RedirectResponse("/", 303), request, DEVICE, f"team:{device.team}")

    @router.post("/language", include_in_schema=False, dependencies=[OwnPage])
    @open_to_all
    async def change_language(request: Request) -> Response:
        told = await _fields(request)
        language = chosen(read(), str(told.get("language", "")), "").language
        back = str(told.get("back", "/"))
        # Only to a page of the portal itself.
        then = back if back.startswith("/") and not back.startswith(("//", "/\\")) else "/"
        return remember(RedirectResponse(then, 303), request, LANGUAGE, language)


def _add_shift(router: APIRouter, portal: Portal) -> None:
    runtime = portal.runtime
    provider = portal.settings.member

    @router.get("/shift", include_in_schema=False)
    @requires(Scope.READ_SHIFT)
    async def read_shift(request: Request, device: Who) -> Response:
        if device is None:
            return RedirectResponse("/who", 303)
        busy = {case.team for case in await open_cases(runtime) if case.stage in HELD}
        return portal.shown(request, "shift.html", device=device, roster=await portal.roster(), busy=busy)

    @router.post("/shift/on", include_in_schema=False, dependencies=[OwnPage])
    @requires(Scope.SIGN_ON)
    async def go_on(request: Request, device: Who, key: Key = None) -> Response:
        if device is None:
            raise portal.refused(request, NO_DEVICE)
        told = await _fields(request)
        languages = str(told.get("language_tags", "")).replace(",", " ").split()
        try:
            team = OnShift.model_validate({**told, "languages": languages})
        except ValidationError:
            return portal.answered(request, device, Reply(refusal=INVALID), "/shift")
        return portal.answered(request, device, await runtime.send(SignOn(provider=provider, team=team), key), "/shift")

    @router.post("/shift/off", include_in_schema=False, dependencies=[OwnPage])
    @requires(Scope.SIGN_OFF)
    async def go_off(request: Request, device: Who, key: Key = None) -> Response:
        if device is None:
            raise portal.refused(request, NO_DEVICE)
        try:
            off = SignOff.model_validate({**await _fields(request), "provider": provider})
        except ValidationError:
            return portal.answered(request, device, Reply(refusal=INVALID), "/shift")
        return portal.answered(request, device, await sign_off(runtime, off, key), "/shift")


def _add_books(router: APIRouter, portal: Portal) -> None:
    book = Casebook(portal.runtime)

    def of(device: Device, entries: Sequence[Entry]) -> list[Entry]:
        """Return what a device is shown: a team sees its own cases and those without a team."""
        found = [one for one in entries if device.team is None or one.team in {None, device.team}]
        shows(one.case_id for one in found)
        return found

    @router.get("/follow-ups", include_in_schema=False)
    @requires(Scope.USE_PORTAL)
    async def read_follow_ups(request: Request, device: Who) -> Response:
        if device is None:
            return RedirectResponse("/who", 303)
        return portal.shown(
            request,
            "follow_ups.html",
            device=device,
            owed=of(device, await book.owed(MOST_LISTED)),
            made=of(device, await book.made(MOST_SHOWN)),
            results=_known(FollowUp),
        )

    @router.get("/safety", include_in_schema=False)
    @requires(Scope.USE_PORTAL)
    async def read_safety(request: Request, device: Who) -> Response:
        if device is None:
            return RedirectResponse("/who", 303)
        return portal.shown(
            request,
            "safety.html",
            device=device,
            taken=of(device, await book.taken(MOST_SHOWN)),
            noted=of(device, await book.events(MOST_SHOWN)),
            events=_known(SafetyEvent),
        )

    @router.get("/expiries", include_in_schema=False)
    @requires(Scope.USE_PORTAL)
    async def read_expiries(request: Request, device: Who) -> Response:
        if device is None:
            return RedirectResponse("/who", 303)
        now = portal.runtime.clock.now()
        found = await book.expiries(now - LEDGER, now, MOST_LISTED)
        shows(one.case_id for one in found)
        causes = Counter(one.cause for one in found).most_common()
        return portal.shown(request, "expiries.html", device=device, expiries=found, causes=causes, days=LEDGER.days)
