"""What reporting is told by its environment."""

from zoneinfo import ZoneInfo

from pydantic_settings import SettingsConfigDict

from divert_chassis.settings import ChassisSettings


class Settings(ChassisSettings):
    """Settings with the prefix ``REPORTING_``."""

    model_config = SettingsConfigDict(env_prefix="REPORTING_", frozen=True)

    zone: ZoneInfo = ZoneInfo("America/Los_Angeles")
    """The time zone in which a day begins and pages tell the time."""
