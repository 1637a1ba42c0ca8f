"""What intake is told by its environment."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from divert_chassis.settings import ChassisSettings


class Settings(ChassisSettings):
    """Settings with the prefix ``INTAKE_``."""

    model_config = SettingsConfigDict(env_prefix="INTAKE_")

    place_key: str | None = Field(default=None, pattern=r"^([0-9a-fA-F]{2}){16,64}$", repr=False)
    """Key of the hashes of addresses and numbers, 16 to 64 bytes in hexadecimal; destroyed and replaced every year.
    Without it there are no such hashes, and danger next door is told by the map's cell alone."""
    status_url: str = "/v1/calls/{call_id}/status"
    """Where CAD can ask what became of a call: an address of routing."""
    answers_kept: float = Field(default=900.0, gt=0)
    """Real seconds for which a repeated request gets its first answer again."""
    eido_agency: str | None = Field(default=None, min_length=1, max_length=64)
    """The agency whose an EIDO is that names none which is registered; without it the only one that is registered."""
    batch_bytes: int = Field(default=16 * 1024 * 1024, gt=0)
    """Bytes that a batch may have."""

    @property
    def key(self) -> bytes | None:
        """The key as bytes."""
        return None if self.place_key is None else bytes.fromhex(self.place_key)
