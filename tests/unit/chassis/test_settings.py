"""What a service is told by its environment."""

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from divert_chassis.settings import ChassisSettings


class Settings(ChassisSettings):
    model_config = SettingsConfigDict(env_prefix="EXAMPLE_")

    colour: str = "red"


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAFKA", "POSTGRES", "VALKEY", "LOG_LEVEL", "OTLP_ENDPOINT"):
        monkeypatch.delenv(f"DIVERT_{name}", raising=False)


def test_own_settings_have_the_prefix_and_shared_ones_their_common_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXAMPLE_PORT", "9001")
    monkeypatch.setenv("EXAMPLE_COLOUR", "blue")
    monkeypatch.setenv("EXAMPLE_KAFKA", "never:1")
    monkeypatch.setenv("DIVERT_KAFKA", "broker:9092")
    monkeypatch.setenv("DIVERT_LOG_LEVEL", "WARNING")
    settings = Settings()
    assert (settings.host, settings.port, settings.colour) == ("127.0.0.1", 9001, "blue")
    assert (settings.kafka, settings.log_level) == ("broker:9092", "warning")


def test_an_empty_variable_counts_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIVERT_OTLP_ENDPOINT", "")
    assert Settings().otlp_endpoint is None


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port = 1


def test_passwords_are_not_shown() -> None:
    settings = Settings(postgres="postgresql://divert:secret@127.0.0.1/divert", valkey="redis://:secret@127.0.0.1/0")
    assert "secret" in settings.postgres
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(("name", "value"), [("EXAMPLE_PORT", "70000"), ("DIVERT_LOG_LEVEL", "loud")])
def test_what_cannot_be_meant_stops_the_start(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError):
        Settings()
