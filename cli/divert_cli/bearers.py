"""Whom the command line is to the services of a stack: a token of the stack's own issuer, fitting for each service."""

import os
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Protocol

import httpx

from divert_chassis.issuer import LocalIssuer
from divert_cli.prepare import AGENCY
from divert_cli.stack import running
from divert_contracts.access import Role

TOKEN = "DIVERT_TOKEN"  # noqa: S105  # the name of a variable
GATEWAY, AGENCY_GATEWAY = "provider-gateway-", "agency-gateway-"
ROLES: Mapping[str, Role] = {
    "intake": Role.CAD,
    "triage": Role.DESK,
    "routing": Role.DESK,
    "reporting": Role.OPERATIONS,
}
"""As whom each service is asked; a gateway as its provider's desk, or its agency's CAD."""


class Stack(Protocol):
    """A stack, as far as its tokens go."""

    @property
    def data(self) -> Path:
        """Its data folder, with its issuer's key pair."""
        ...

    @property
    def urls(self) -> Mapping[str, str]:
        """Base URLs of its processes by name."""
        ...


class Bearers(httpx.Auth):
    """Signs requests in, each as whoever fits the service that it goes to; those to elsewhere are left alone."""

    def __init__(
        self, stack: Stack, *, agency: str = AGENCY, roles: Mapping[str, Role] = ROLES, subject: str | None = None
    ) -> None:
        """Sign in to a stack; where it takes no tokens of its own issuer, with the one in DIVERT_TOKEN, or not at all.

        Args:
            stack: which.
            agency: whose CAD posts calls.
            roles: as whom services are asked, where that is not what their name says.
            subject: the id of whoever asks; one that says the role where it is left out.
        """
        self._issuer = LocalIssuer(stack.data)
        self._urls = stack.urls
        self._agency = agency
        self._roles = roles
        self._subject = subject
        self._made: dict[str, dict[str, str]] = {}

    def token(self, service: str) -> str | None:
        """Return the token with which a process of the stack is asked; null where none is needed or can be made."""
        return os.environ.get(TOKEN) or self._own(service)

    def headers(self, service: str) -> Mapping[str, str]:
        """Return the headers with which a process of the stack is asked."""
        if service not in self._made:
            self._made[service] = self._headers(service)
        return self._made[service]

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign a request in."""
        asked = str(request.url)
        service = next((name for name, url in self._urls.items() if asked.startswith(f"{url}/")), None)
        if service is not None:
            request.headers.update(self.headers(service))
        yield request

    def _headers(self, service: str) -> dict[str, str]:
        token = self.token(service)
        return {} if token is None else {"authorization": f"Bearer {token}"}

    def _own(self, service: str) -> str | None:
        try:
            if service.startswith(GATEWAY):
                return self._token(Role.PROVIDER_DESK, provider=service.removeprefix(GATEWAY))
            if service.startswith(AGENCY_GATEWAY):
                return self._token(Role.CAD, agency=service.removeprefix(AGENCY_GATEWAY))
            role = self._roles.get(service, Role.DESK)
            return self._token(role, agency=self._agency if role is Role.CAD else None)
        except FileNotFoundError:
            return None

    def _token(self, role: Role, *, provider: str | None = None, agency: str | None = None) -> str:
        return self._issuer.token(role, provider=provider, agency=agency, subject=self._subject)


class Shown(httpx.Auth):
    """Shows the token in DIVERT_TOKEN, where there is one."""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign a request in."""
        token = os.environ.get(TOKEN)
        if token is not None:
            request.headers["authorization"] = f"Bearer {token}"
        yield request


def bearers() -> httpx.Auth | None:
    """Return how the stack that runs is signed in to; null where none runs."""
    run = running()
    return None if run is None else Bearers(run)


def bearers_to(url: str, *, agency: str = AGENCY) -> httpx.Auth:
    """Return how a process is signed in to that somebody named: of the stack that runs, or elsewhere.

    Args:
        url: its base URL.
        agency: whose CAD posts calls.
    """
    run = running()
    return Shown() if run is None or url not in run.urls.values() else Bearers(run, agency=agency)
