"""Bearer tokens (RFC 9068): whose a token is, if it is one of our issuer for us, signed and in time."""

import asyncio
import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx
import jwt
from pydantic import BaseModel, Field, ValidationError

from divert_chassis.logs import logger
from divert_contracts.access import MAY, PROVIDERS, Role, Scope
from divert_contracts.step import Unavailable

log = logger(__name__)

ALGORITHMS = ("ES256", "ES384", "EdDSA", "RS256", "RS384", "PS256", "PS384")
"""Asymmetric ones alone: whoever can check a token must not be able to make one."""
TYPES = frozenset({None, "jwt", "at+jwt", "application/at+jwt"})
LEEWAY = 30.0
"""Seconds by which the issuer's clock may differ from ours."""
SAFETY_GRACE = 12 * 3600.0
"""Seconds after its expiry for which a validly signed token still lets its holder call for help: the longest shift. A
team that has worked so long has not signed in again, and is never told to do so first."""
LOOKED_UP_EVERY = 30.0
"""Seconds between two look-ups of keys, however many tokens name a key that is not known."""
KEYS_LAST = 600.0
"""Seconds after which the issuer's keys are looked up again; until then they count, also while it is away."""
LOOKED_UP_WITHIN = 5.0
LONGEST_TOKEN = 8_192
MOST_REMEMBERED = 1_000

_NOT_OF_AN_ID = re.compile(r"[^\w.@:+-]")
_Party = Annotated[str | None, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]


class InvalidToken(Exception):
    """A token that proves nothing; the message is a coded word that says why."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks."""

    subject: str
    """The issuer's id of a person or program; never a name."""
    role: Role
    scopes: frozenset[Scope]
    provider: str | None = None
    """The provider that they belong to; theirs alone are the cases that they see."""
    agency: str | None = None
    """The agency that they belong to; where it is given, no other agency's calls are theirs."""
    until: float = inf
    """When the token's time is over, in seconds of the epoch."""
    expired: bool = False
    """The token's time is over, or that of the key that signed it: all that is left is to call for help."""

    @property
    def person(self) -> str:
        """The id as it may stand in facts."""
        return _NOT_OF_AN_ID.sub("-", self.subject)[:64]


class _Claims(BaseModel):
    """What a token says beside issuer, audience and times, which are checked before."""

    sub: str = Field(min_length=1, max_length=200)
    exp: int
    nbf: int | None = None
    roles: list[str] = Field(max_length=50)
    provider: _Party = None
    agency: _Party = None
    scope: str | None = None


class _Discovered(BaseModel):
    jwks_uri: str


class _Set(BaseModel):
    keys: list[dict[str, Any]]


class Keys:
    """The issuer's public keys, by URL or file; kept, and looked up again when a token names one that is not known."""

    def __init__(self, issuer: str, jwks: str | None, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Know where keys are.

        Args:
            issuer: where no place is given, its OpenID configuration says it.
            jwks: URL or file of a JWK set.
            monotonic: seconds of a clock that never goes back.
        """
        self._issuer = issuer
        self._jwks = jwks
        self._monotonic = monotonic
        self._known: Mapping[str | None, jwt.PyJWK] = {}
        self._retired: dict[str | None, tuple[jwt.PyJWK, float]] = {}
        """Keys that the issuer shows no more, and since when: a call for help may still come with a token of theirs."""
        self._looked = self._found = float("-inf")
        self._one = asyncio.Lock()
        self.generation = 0
        """Goes up whenever other keys than before count."""

    async def key(self, kid: str | None) -> tuple[jwt.PyJWK, bool] | None:
        """Return the key of an id and whether the issuer has retired it lately, or null when it has none.

        Raises:
            Unavailable: no keys could be had yet.
        """
        now = self._monotonic()
        if (kid not in self._known or now - self._found > KEYS_LAST) and now - self._looked > LOOKED_UP_EVERY:
            async with self._one:
                if self._monotonic() - self._looked > LOOKED_UP_EVERY:
                    await self._look_up()
        if not self._known:
            raise Unavailable("issuer")
        if kid in self._known:
            return self._known[kid], False
        retired = self._retired.get(kid)
        return (retired[0], True) if retired is not None and now - retired[1] < SAFETY_GRACE else None

    async def _look_up(self) -> None:
        try:
            keys = _readable(await self._read())
        except (httpx.HTTPError, OSError, ValueError) as why:
            log.warning("keys-not-read", error=type(why).__name__)
            # With none at all every request waits for them: they are asked for again sooner.
            self._looked = self._monotonic() - (0.0 if self._known else LOOKED_UP_EVERY - 1.0)
            return
        now = self._monotonic()
        if keys.keys() != self._known.keys():
            self.generation += 1
            gone = {kid: (key, now) for kid, key in self._known.items() if kid not in keys}
            kept = {kid: one for kid, one in self._retired.items() if now - one[1] < SAFETY_GRACE and kid not in keys}
            self._retired = {**kept, **gone}
        self._known = keys
        self._looked = self._found = now

    async def _read(self) -> bytes:
        if self._jwks is not None and not _is_url(self._jwks):
            return await asyncio.to_thread(Path(self._jwks).read_bytes)
        async with httpx.AsyncClient(timeout=LOOKED_UP_WITHIN, trust_env=False) as http:
            place = self._jwks
            if place is None:
                found = await http.get(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
                place = _Discovered.model_validate_json(found.raise_for_status().content).jwks_uri
            return (await http.get(place)).raise_for_status().content


class Verifier:
    """Says whose a token is."""

    def __init__(self, keys: Keys, *, issuer: str, audience: str, now: Callable[[], float] = time.time) -> None:
        """Take tokens of one issuer for one audience; ``now`` returns seconds of the epoch, in real time."""
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._now = now
        self._remembered: OrderedDict[bytes, tuple[Principal, _Claims]] = OrderedDict()
        self._generation = 0

    async def principal(self, token: str) -> Principal:
        """Return whose a token is; of one that has expired within the grace of safety reports, that it has.

        Raises:
            InvalidToken: it proves nothing.
            Unavailable: the issuer's keys could not be had yet.
        """
        if len(token) > LONGEST_TOKEN:
            raise InvalidToken("too-long")
        if self._generation != self._keys.generation:
            self._remembered.clear()
            self._generation = self._keys.generation
        # Not the token itself: it would lie about in memory for as long as it counts.
        digest = hashlib.sha256(token.encode()).digest()
        known = self._remembered.get(digest)
        if known is None:
            known = await self._verified(token)
            if not known[0].expired:  # a retired key counts for a while only
                self._remembered[digest] = known
            if len(self._remembered) > MOST_REMEMBERED:
                self._remembered.popitem(last=False)
        principal, claims = known
        now = self._now()
        if claims.nbf is not None and claims.nbf > now + LEEWAY:
            raise InvalidToken("not-yet")
        late = now - claims.exp
        if late > LEEWAY + SAFETY_GRACE:
            raise InvalidToken("expired")
        return replace(principal, expired=True) if late > LEEWAY else principal

    async def _verified(self, token: str) -> tuple[Principal, _Claims]:
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            raise InvalidToken("unreadable") from None
        kind = header.get("typ")
        if header.get("alg") not in ALGORITHMS or (kind if kind is None else str(kind).lower()) not in TYPES:
            raise InvalidToken("algorithm")
        found = await self._keys.key(header.get("kid"))
        if found is None:
            raise InvalidToken("key")
        key, retired = found
        try:
            payload = jwt.decode(
                token,
                key,
                # A key is for the algorithm that its set names, or that fits it alone.
                algorithms=[key.algorithm_name] if key.algorithm_name in ALGORITHMS else [],
                issuer=self._issuer,
                audience=self._audience,
                # Times are looked at each time that a token is shown.
                options={"require": ["exp", "iss", "aud", "sub"], "verify_exp": False, "verify_nbf": False},
                leeway=LEEWAY,
            )
        except jwt.InvalidAudienceError:
            raise InvalidToken("audience") from None
        except jwt.InvalidIssuerError:
            raise InvalidToken("issuer") from None
        except jwt.PyJWTError:
            raise InvalidToken("signature") from None
        try:
            claims = _Claims.model_validate(payload)
        except ValidationError:
            raise InvalidToken("claims") from None
        return replace(_principal(claims), expired=retired), claims


def _principal(claims: _Claims) -> Principal:
    named = [role for role in Role if role in claims.roles]
    if len(named) != 1:
        raise InvalidToken("role")
    role = named[0]
    if role in PROVIDERS and claims.provider is None:
        raise InvalidToken("provider")
    if role is Role.CAD and claims.agency is None:
        raise InvalidToken("agency")
    scopes = MAY[role]
    if claims.scope is not None:
        scopes &= {scope for scope in Scope if scope in claims.scope.split()}
    return Principal(claims.sub, role, scopes, provider=claims.provider, agency=claims.agency, until=claims.exp)


def _readable(content: bytes) -> Mapping[str | None, jwt.PyJWK]:
    """Return the keys of a set that can be used; others in it are left alone."""
    found: dict[str | None, jwt.PyJWK] = {}
    for one in _Set.model_validate_json(content).keys:
        try:
            key = jwt.PyJWK.from_dict(one)
        except jwt.PyJWTError:
            continue
        if key.public_key_use in {None, "sig"} and key.algorithm_name in ALGORITHMS:
            found[key.key_id] = key
    if not found:
        raise ValueError("no usable key")
    return found


def _is_url(place: str) -> bool:
    return urlsplit(place).scheme in {"http", "https"}
