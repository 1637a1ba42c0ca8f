"""What reporting is told by its environment."""

from zoneinfo import ZoneInfo

from pydantic_settings import SettingsConfigDict

from divert_chassis.settings import ChassisSettings

ZONE = ZoneInfo("America/Los_Angeles")


class Settings(ChassisSettings):
    """Settings with the prefix ``REPORTING_``."""

    model_config = SettingsConfigDict(env_prefix="REPORTING_", frozen=True)

    zone: ZoneInfo = ZONE
    """The time zone in which a day begins and pages tell the time."""
    member: str | None = None
    """Names a second set of tables, which is built from the log beside the live ones; `divert rebuild` sets it."""
