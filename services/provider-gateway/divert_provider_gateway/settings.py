"""What the gateway is told by its environment."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from divert_chassis.settings import ChassisSettings


class Settings(ChassisSettings):
    """Settings with the prefix ``PROVIDER_GATEWAY_``."""

    model_config = SettingsConfigDict(env_prefix="PROVIDER_GATEWAY_", frozen=True)

    provider: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)
    """The provider that this instance is for, such as ``exodus``."""
