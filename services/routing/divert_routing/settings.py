"""What routing is told by its environment."""

from zoneinfo import ZoneInfo

from pydantic_settings import SettingsConfigDict

from divert_chassis.settings import ChassisSettings


class Settings(ChassisSettings):
    """Settings with the prefix ``ROUTING_``: whom the desk asks. Every limit is policy."""

    model_config = SettingsConfigDict(env_prefix="ROUTING_", frozen=True)

    intake_url: str = "http://127.0.0.1:8101"
    """Where the desk's form posts calls, and accepted hand-offs."""
    triage_url: str = "http://127.0.0.1:8102"
    """Where the screening is decided and explained."""
    reporting_url: str = "http://127.0.0.1:8104"
    """Where a call's time-line is kept."""
    zone: ZoneInfo = ZoneInfo("America/Los_Angeles")
    """The time zone in which pages tell the time."""
