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
GATEWAY = "provider-gateway-"
ROLES: Mapping[str, Role] = {
    "intake": Role.CAD,
    "triage": Role.DESK,
    "routing": Role.DESK,
    "reporting": Role.OPERATIONS,
}
"""As whom each service is asked; a gateway as its provider's desk."""


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

    def __init__(self, stack: Stack, *, agency: str = AGENCY) -> None:
        """Sign in to a stack; where it takes no tokens of its own issuer, with the one in DIVERT_TOKEN, or not at all.

        Args:
            stack: which.
            agency: whose CAD posts calls.
        """
        self._issuer = LocalIssuer(stack.data)
        self._urls = stack.urls
        self._agency = agency
        self._made: dict[str, dict[str, str]] = {}

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
        token = os.environ.get(TOKEN) or self._own(service)
        return {} if token is None else {"authorization": f"Bearer {token}"}

    def _own(self, service: str) -> str | None:
        try:
            if service.startswith(GATEWAY):
                return self._issuer.token(Role.PROVIDER_DESK, provider=service.removeprefix(GATEWAY))
            role = ROLES.get(service, Role.DESK)
            return self._issuer.token(role, agency=self._agency if role is Role.CAD else None)
        except FileNotFoundError:
            return None


def bearers() -> httpx.Auth | None:
    """Return how the stack that runs is signed in to; null where none runs."""
    run = running()
    return None if run is None else Bearers(run)
