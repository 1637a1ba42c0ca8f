"""What the gateway is told by its environment."""

from datetime import timedelta
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import Field, IPvAnyNetwork, StringConstraints, model_validator
from pydantic_settings import SettingsConfigDict

from divert_chassis.settings import ChassisSettings
from divert_provider_gateway.domain.webhook import TRIES

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)]


class Settings(ChassisSettings):
    """Settings with the prefix ``PROVIDER_GATEWAY_``."""

    model_config = SettingsConfigDict(env_prefix="PROVIDER_GATEWAY_", frozen=True)

    provider: Id | None = None
    """The provider that this instance is for, such as ``exodus``; this or ``agency``."""
    agency: Id | None = None
    """The agency whose CAD this instance tells of its calls, such as ``lapd``."""
    webhook_tries: tuple[timedelta, ...] = TRIES
    """When a webhook is tried, in seconds of domain time from its first attempt."""
    webhook_timeout: float = Field(default=5.0, gt=0, le=60)
    """Real seconds that one attempt may take."""
    webhook_private: tuple[IPvAnyNetwork, ...] = ()
    """Networks that are not public and may be sent to all the same; http, without TLS, may be used there alone."""
    webhook_origin: str = Field(default="divert", pattern=r"^[A-Za-z0-9.:-]+$", max_length=200)
    """The name under which endpoints are asked whether they want webhooks: the host name of this installation."""
    zone: ZoneInfo = ZoneInfo("America/Los_Angeles")
    """The time zone in which the portal tells the time."""
    dispatcher_number: str = Field(default="911", pattern=r"^\+?[0-9*#-]{3,20}$")
    """The telephone number that the portal offers for ringing the dispatcher."""
    map_url: str = Field(default="geo:{latitude},{longitude}?q={query}", pattern=r"^(geo:|https://)")
    """Where a tap on an address leads: ``{latitude}``, ``{longitude}`` and ``{query}``, the quoted address, are filled
    in. The default opens the device's own map."""

    @model_validator(mode="after")
    def _for_one(self) -> Self:
        if (self.provider is None) == (self.agency is None):
            raise ValueError("name the provider or the agency that this gateway is for, one of them")
        return self

    @property
    def member(self) -> str:
        """Whom this instance is for: a provider or an agency."""
        return self.provider or self.agency or ""
