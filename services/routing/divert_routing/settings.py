"""What routing is told by its environment."""

from pydantic_settings import SettingsConfigDict

from divert_chassis.settings import ChassisSettings


class Settings(ChassisSettings):
    """Routing has no settings of its own: every limit is policy."""

    model_config = SettingsConfigDict(env_prefix="ROUTING_", frozen=True)
