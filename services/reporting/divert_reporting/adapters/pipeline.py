"""Asks the services over HTTP how they are: ``/readyz`` and ``/metrics``."""

import asyncio
from collections.abc import Mapping, Sequence

import httpx
from prometheus_client.parser import text_string_to_metric_families
from pydantic import Field, ValidationError

from divert_contracts.model import Model
from divert_reporting.domain.pipeline import Health

ANSWERS_WITHIN = 2.0
LAG = "divert_consumer_lag"
DEAD = "divert_dead_letters"
GONE = "divert_webhook_gone"


class Readiness(Model):
    """What a service answers at ``/readyz``."""

    checks: dict[str, str] = Field(default_factory=dict[str, str])


class Services:
    """The services that the board watches."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        """Name them, each with its base URL."""
        self._urls = urls
        self._client = httpx.AsyncClient(timeout=ANSWERS_WITHIN, trust_env=False)

    async def ask(self) -> Sequence[Health]:
        """Ask all of them side by side; one that does not answer is no exception."""
        return await asyncio.gather(*(self._one(name, url) for name, url in self._urls.items()))

    async def _one(self, name: str, url: str) -> Health:
        try:
            ready = await self._client.get(f"{url}/readyz")
            metrics = await self._client.get(f"{url}/metrics")
            checks = Readiness.model_validate_json(ready.content).checks
            return _health(name, checks, metrics.text)
        except (httpx.HTTPError, ValidationError):
            return Health(name, answers=False)


def _health(name: str, checks: Mapping[str, str], metrics: str) -> Health:
    lag = dead = gone = 0.0
    # Only what is shown is parsed: the whole of it takes longer than everything else on the board.
    said = "\n".join(line for line in metrics.splitlines() if any(one in line for one in (LAG, DEAD, GONE)))
    for family in text_string_to_metric_families(said + "\n"):
        for sample in family.samples:
            if sample.name == LAG:
                lag += sample.value
            elif sample.name == f"{DEAD}_total":
                dead += sample.value
            elif sample.name == GONE:
                gone += sample.value
    wrong = tuple(sorted(check for check, found in checks.items() if found != "ok"))
    return Health(name, answers=True, wrong=wrong, lag=int(lag), dead_letters=int(dead), gone=gone > 0)
