"""What the gateway is told by its environment."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from pydantic import Field, IPvAnyNetwork
from pydantic_settings import SettingsConfigDict

from divert_chassis.settings import ChassisSettings
from divert_provider_gateway.domain.webhook import TRIES


class Settings(ChassisSettings):
    """Settings with the prefix ``PROVIDER_GATEWAY_``."""

    model_config = SettingsConfigDict(env_prefix="PROVIDER_GATEWAY_", frozen=True)

    provider: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)
    """The provider that this instance is for, such as ``exodus``."""
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
