"""The compose file is valid, agrees with the local stack, and gives no container more than it needs."""

import importlib
import re
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from check_jsonschema import main as check_jsonschema
from click.testing import CliRunner

from divert_chassis.issuer import AUDIENCE, ISSUER, LocalIssuer
from divert_chassis.settings import ChassisSettings
from divert_chassis.tokens import Keys, Verifier
from divert_cli.checkout import ROOT
from divert_cli.stack import kafka, postgres, valkey
from divert_cli.stack.services import EVERYWHERE, LOOPBACK, SERVICES, ServiceProcess
from divert_contracts.access import Role

FILE = ROOT / "docker-compose.yml"
INSIDE = 8080
"""The port on which every service listens in its container."""
COMPONENTS = {"kafka": kafka.PORT, "postgres": postgres.PORT, "valkey": valkey.PORT}
SHARED = {"DIVERT_KAFKA", "DIVERT_POSTGRES", "DIVERT_VALKEY", "DIVERT_ISSUER", "DIVERT_AUDIENCE", "DIVERT_JWKS"}
SERVICE_IDS = [service.name for service in SERVICES]

Container = dict[str, Any]


@cache
def containers() -> dict[str, Container]:
    return cast("dict[str, Container]", yaml.safe_load(FILE.read_text())["services"])


def secrets_of(container: Container) -> dict[str, str]:
    """Return what the container's env files say, those for local use."""
    pairs: dict[str, str] = {}
    for named in container.get("env_file", []):
        file = ROOT / re.sub(r"\$\{DIVERT_SECRETS:-(.*?)\}", r"\1", named)
        lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
        pairs |= dict(line.split("=", 1) for line in lines)
    return pairs


async def test_a_local_token_is_good_for_the_containers() -> None:
    issuer = LocalIssuer(ROOT / "deploy" / "local")
    verifier = Verifier(Keys(ISSUER, str(issuer.jwks)), issuer=ISSUER, audience=AUDIENCE)
    assert (await verifier.principal(issuer.token(Role.DESK))).role is Role.DESK


def environment_of(container: Container) -> dict[str, str]:
    return {**secrets_of(container), **container.get("environment", {})}


def schema_errors(file: Path) -> str:
    """Return what the Compose specification's own schema says against a file, nothing when it is valid."""
    done = CliRunner().invoke(check_jsonschema, ["--builtin-schema", "vendor.compose-spec", str(file)])
    return "" if done.exit_code == 0 else done.output


def test_the_file_is_valid_by_the_compose_specification() -> None:
    assert schema_errors(FILE) == ""


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("cap_drop: [ALL]", "cap_drop: ALL"), ("condition: service_healthy", "condition: well"), ("volumes:", "volume:")],
)
def test_a_mistake_in_the_file_would_be_seen(tmp_path: Path, right: str, wrong: str) -> None:
    broken = tmp_path / FILE.name
    broken.write_text(FILE.read_text().replace(right, wrong))
    assert schema_errors(broken) != ""


def test_it_runs_the_processes_of_the_local_stack_and_prepares_first() -> None:
    assert containers().keys() == {*SERVICE_IDS, *COMPONENTS, "prepare"}
    assert containers()["prepare"]["command"] == ["python", "-m", "divert_cli", "prepare"]


@pytest.mark.parametrize("service", SERVICES, ids=SERVICE_IDS)
def test_a_service_is_run_as_in_the_local_stack(service: ServiceProcess) -> None:
    container = containers()[service.name]
    assert container["command"] == ["python", "-m", service.module]
    assert container["ports"] == [f"{LOOPBACK}:{service.port}:{INSIDE}"]
    assert f"http://{LOOPBACK}:{INSIDE}{service.ready}" in container["healthcheck"]["test"][-1]
    directory = service.module.removeprefix("divert_").replace("_", "-")
    assert container["build"]["args"] == {"MEMBER": f"services/{directory}"}
    assert (ROOT / "services" / directory / service.module / "__main__.py").exists()


@pytest.mark.parametrize("service", SERVICES, ids=SERVICE_IDS)
def test_a_service_is_told_the_same_settings(service: ServiceProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    container = containers()[service.name]
    told = environment_of(container)
    own = service.environment(EVERYWHERE, INSIDE, {name: f"http://{name}:{INSIDE}" for name in SERVICE_IDS})
    assert container["environment"] == {**own, **{name: told[name] for name in SHARED - secrets_of(container).keys()}}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    module = importlib.import_module(f"{service.module}.settings")
    settings = cast("type[ChassisSettings]", module.Settings).model_validate({})
    assert (settings.host, settings.port) == (EVERYWHERE, INSIDE)
    assert settings.kafka == told["DIVERT_KAFKA"]
    assert settings.postgres == told["DIVERT_POSTGRES"]
    assert settings.valkey == told["DIVERT_VALKEY"]
    assert (settings.issuer, settings.audience) == (ISSUER, AUDIENCE)
    assert f"${{DIVERT_SECRETS:-./deploy/local}}/jwks.json:{settings.jwks}:ro" in container["volumes"]
    read = {f"{service.prefix}_{field}".upper() for field in settings.model_fields_set}
    assert told.keys() - SHARED <= read


@pytest.mark.parametrize("name", [*SERVICE_IDS, "prepare"])
def test_what_is_waited_for_is_healthy_and_prepared(name: str) -> None:
    waits = containers()[name]["depends_on"]
    assert waits["kafka"] == waits["postgres"] == {"condition": "service_healthy"}
    if name != "prepare":
        assert waits["prepare"] == {"condition": "service_completed_successfully"}
    assert all("healthcheck" in containers()[waited] for waited in waits.keys() - {"prepare"})


def test_kafka_has_the_settings_of_the_local_stack() -> None:
    """Beside where it listens and keeps its data."""
    elsewhere = re.compile(r"listener|controller\.quorum|log\.dirs")
    local = kafka.broker_settings(Path("/data"), port=1, controller_port=2, providers_port=3)
    given = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in containers()["kafka"]["environment"].items()
    }
    wanted = {name: value for name, value in local.items() if not elsewhere.search(name)}
    assert {name: given.get(name) for name in wanted} == wanted
    assert containers()["kafka"]["image"] == f"apache/kafka:{kafka.VERSION}"


def test_postgres_has_the_settings_of_the_local_stack() -> None:
    """Beside where it listens."""
    given = dict(word.split("=", 1) for word in containers()["postgres"]["command"] if "=" in word)
    elsewhere = {"listen_addresses", "unix_socket_directories"}
    assert given == {name: value for name, value in postgres.SETTINGS.items() if name not in elsewhere}


def test_valkey_has_the_settings_of_the_local_stack(tmp_path: Path) -> None:
    """Beside where it listens and keeps its data."""
    _, *local = valkey.prepare(tmp_path, 1).command
    _, *given = containers()["valkey"]["command"]
    elsewhere = {"--bind", "--port", "--dir"}
    pairs = zip(local[::2], local[1::2], strict=True)
    assert dict(zip(given[::2], given[1::2], strict=True)) == {
        name: value for name, value in pairs if name not in elsewhere
    }


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_component_is_published_where_the_local_stack_has_it(name: str) -> None:
    port, *others = containers()[name]["ports"]
    assert port.startswith(f"{LOOPBACK}:{COMPONENTS[name]}:")
    assert others == ([f"{LOOPBACK}:{kafka.PROVIDERS_PORT}:{kafka.PROVIDERS_PORT}"] if name == "kafka" else [])


@pytest.mark.parametrize("name", sorted(containers()))
def test_a_container_has_no_more_than_it_needs(name: str) -> None:
    container = containers()[name]
    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert not container.keys() & {"privileged", "cap_add", "pid", "network_mode", "devices"}
    assert all(port.startswith(f"{LOOPBACK}:") for port in container.get("ports", []))
    assert not any(volume.startswith(("/", ".")) for volume in container.get("volumes", []))
    assert "user" in container or "build" in container
    assert re.fullmatch(r"[a-z/-]+:\d+\.\d+(\.\d+)?", container["image"])


def test_images_of_our_own_run_as_a_user_of_their_own_from_the_hashed_lock() -> None:
    text = (ROOT / "deploy" / "Dockerfile").read_text()
    assert re.search(r"^USER divert$", text, re.MULTILINE)
    assert "--require-hashes --python .venv/bin/python requirements-runtime.lock" in text
    assert re.search(r"^ARG PYTHON=python:3\.\d+\.\d+-slim-\w+$", text, re.MULTILINE)


def test_no_password_stands_in_the_compose_file() -> None:
    text = FILE.read_text()
    for container in containers().values():
        for name, value in secrets_of(container).items():
            assert value not in text or name in {"POSTGRES_USER", "POSTGRES_DB", "DIVERT_AUDIENCE", "DIVERT_JWKS"}
