"""What every service is told by its environment."""

from typing import Annotated, Literal

from pydantic import AliasChoices, BeforeValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

LogLevel = Literal["debug", "info", "warning", "error"]


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _shared(name: str) -> AliasChoices:
    return AliasChoices(f"DIVERT_{name.upper()}", name)


class ChassisSettings(BaseSettings):
    """The settings that all services have; a service's own class adds its prefix, and its own fields.

    ``host`` and ``port`` are read with the prefix (``ROUTING_PORT``), the rest as ``DIVERT_…`` by every service. An
    empty variable counts as absent. Addresses that may hold a password are left out of ``repr``.
    """

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, validate_default=True)

    host: str = "127.0.0.1"
    """Where the API listens; loopback unless told otherwise."""
    port: int = Field(default=8080, ge=0, le=65535)
    """Port of API, health and metrics; 0 takes a free one."""
    kafka: str = Field(default="127.0.0.1:9092", validation_alias=_shared("kafka"))
    """Bootstrap servers, ``host:port`` separated by commas."""
    postgres: str = Field(
        default="postgresql://divert@127.0.0.1:5432/divert", validation_alias=_shared("postgres"), repr=False
    )
    """Data source name of the database."""
    valkey: str = Field(default="redis://127.0.0.1:6379/0", validation_alias=_shared("valkey"), repr=False)
    """Address of Valkey; nothing is lost with it."""
    issuer: str | None = Field(default=None, validation_alias=_shared("issuer"))
    """Whose tokens are taken; without one nobody has to say who they are, and only loopback is listened on."""
    audience: str = Field(default="divert", validation_alias=_shared("audience"))
    """For whom a token must have been made."""
    jwks: str | None = Field(default=None, validation_alias=_shared("jwks"))
    """URL or file of the issuer's public keys; without it its OpenID configuration says where they are."""
    client_id: str | None = Field(default=None, validation_alias=_shared("client_id"))
    """What divert is to its issuer: with it people sign in at the issuer's own page."""
    client_secret: str | None = Field(default=None, validation_alias=_shared("client_secret"), repr=False)
    """The secret that goes with it; none for a public client."""
    sign_in_scope: str = Field(default="openid", validation_alias=_shared("sign_in_scope"))
    """What is asked of the issuer at a sign-in, with blanks between."""
    public_url: str | None = None
    """Where browsers find the service, without a slash at the end, if not where it is asked; read with the prefix."""
    rate_limit: int = Field(default=6_000, ge=1, validation_alias=_shared("rate_limit"))
    """Requests that one client may make of a service in a minute; calls for help are not counted."""
    log_level: Annotated[LogLevel, BeforeValidator(_lower)] = Field(
        default="info", validation_alias=_shared("log_level")
    )
    otlp_endpoint: str | None = Field(default=None, validation_alias=_shared("otlp_endpoint"))
    """Base address of an OTLP/HTTP collector; without it nothing is traced."""
