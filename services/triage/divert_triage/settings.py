"""What triage is told by its environment."""

from pydantic_settings import SettingsConfigDict

from divert_chassis.settings import ChassisSettings


class Settings(ChassisSettings):
    """Nothing beyond what every service has; its policies come from their topic."""

    model_config = SettingsConfigDict(env_prefix="TRIAGE_")
