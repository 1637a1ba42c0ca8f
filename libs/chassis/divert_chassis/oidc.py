"""Signing in at an OpenID provider's own page: the code flow with PKCE (RFC 6749 and 7636, OIDC Core 3.1)."""

# Authlib is typed only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import secrets
from dataclasses import dataclass
from typing import Any, cast

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from pydantic import BaseModel, ValidationError

from divert_contracts.step import Unavailable

WITHIN = 10.0
"""Seconds in which the issuer must answer."""


class SignInRefused(Exception):
    """The issuer gave no token; the message is a coded word that says why."""


class _Discovered(BaseModel):
    authorization_endpoint: str
    token_endpoint: str


class _Granted(BaseModel):
    access_token: str


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that waits for the issuer's answer."""

    url: str
    """Where the browser goes now."""
    state: str
    """What the answer must bring back."""
    verifier: str
    """What proves that whoever asks for the token is who began."""


class CodeFlow:
    """Sends browsers to the issuer, and gets tokens for what they bring back."""

    def __init__(self, issuer: str, *, client_id: str, client_secret: str | None, scope: str, audience: str) -> None:
        """Know the issuer.

        Args:
            issuer: its URL; its OpenID configuration says the rest.
            client_id: what divert is to it.
            client_secret: null for a public client.
            scope: what is asked for, with blanks between.
            audience: for whom tokens are to be made.
        """
        self._issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._scope = scope
        self._audience = audience

    async def begin(self, back: str) -> Begun:
        """Begin a sign-in that comes back to a URL.

        Raises:
            Unavailable: the issuer does not answer, or not with what it should.
        """
        verifier = secrets.token_urlsafe(64)
        found = await self._discovered()
        async with self._client(back) as client:
            url, state = cast(
                "tuple[str, str]",
                client.create_authorization_url(
                    found.authorization_endpoint, code_verifier=verifier, audience=self._audience
                ),
            )
        return Begun(url, state, verifier)

    async def finish(self, back: str, code: str, verifier: str) -> str:
        """Return the access token for a code.

        Raises:
            SignInRefused: the issuer gives none for it.
            Unavailable: the issuer does not answer, or not with what it should.
        """
        found = await self._discovered()
        try:
            async with self._client(back) as client:
                granted: Any = await client.fetch_token(found.token_endpoint, code=code, code_verifier=verifier)
            return _Granted.model_validate(granted).access_token
        except OAuthError as why:
            raise SignInRefused(str(why.error)) from None
        except (httpx2.HTTPError, ValueError):
            raise Unavailable("issuer") from None

    async def _discovered(self) -> _Discovered:
        try:
            async with httpx2.AsyncClient(timeout=WITHIN, trust_env=False) as http:
                found = await http.get(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
            return _Discovered.model_validate_json(found.raise_for_status().content)
        except (httpx2.HTTPError, ValidationError):
            raise Unavailable("issuer") from None

    def _client(self, back: str) -> Any:  # noqa: ANN401  # Authlib does not say what its client is
        return AsyncOAuth2Client(
            self._client_id,
            self._client_secret,
            token_endpoint_auth_method="none" if self._client_secret is None else "client_secret_basic",
            scope=self._scope,
            redirect_uri=back,
            code_challenge_method="S256",
            timeout=WITHIN,
            trust_env=False,
        )
