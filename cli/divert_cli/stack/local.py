"""The local stack: Kafka, Postgres, Valkey and the services of divert, supervised from one asyncio loop."""

import asyncio
import functools
import importlib
import os
import random
import secrets
import shutil
import socket
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import httpx

from divert_chassis.issuer import LocalIssuer
from divert_cli.errors import StackError
from divert_cli.stack import kafka, postgres, record, valkey
from divert_cli.stack.services import EVERYWHERE, LOOPBACK, ON_THIS_MACHINE, SERVICES, ServiceProcess
from divert_cli.stack.supervise import Program, Supervised, Watchdog

LOCK = "stack.lock"
_COMPONENT_WITHIN = 120.0
_SERVICES_WITHIN = 120.0
_FREE_PORTS = range(20000, 32000)  # below the range from which the kernel takes ports of outgoing connections


def is_free(port: int) -> bool:
    """Tell whether one could listen on loopback `port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


class Ports:
    """Hands out loopback ports that are free now, each once."""

    def __init__(self) -> None:
        """Begin with none given."""
        self._given: set[int] = set()

    def take(self, preferred: int | None = None) -> int:
        """Return `preferred` if that is free, else any free port.

        Raises:
            StackError: there is none.
        """
        candidates = random.sample(_FREE_PORTS, 200)  # not for secrets
        for port in candidates if preferred is None else [preferred, *candidates]:
            if port not in self._given and is_free(port):
                self._given.add(port)
                return port
        raise StackError("no free port found on the loopback interface")


async def service_answers(url: str) -> bool:
    """Tell whether a GET of `url` is answered with success."""
    try:
        async with httpx.AsyncClient(timeout=3, trust_env=False) as client:
            return (await client.get(url)).is_success
    except httpx.TransportError:
        return False


def _quiet(line: str) -> None:
    """Show no progress."""
    del line


class LocalStack:
    """The local stack as an async context manager: it is ready inside, and nothing of it is left outside.

    Attributes:
        kafka: host:port.
        kafka_for_providers: host:port of the listener for providers' own clients; empty where there is none.
        postgres: DSN.
        valkey: URL.
        urls: service process name to base URL, without a slash at the end.
    """

    def __init__(
        self,
        data: Path,
        *,
        services: bool = True,
        preferred_ports: bool = True,
        environment: Mapping[str, str] | None = None,
        run_file: Path | None = None,
        secured: bool = False,
        progress: Callable[[str], None] = _quiet,
    ) -> None:
        """Describe a stack; nothing is started yet.

        Args:
            data: folder for everything the stack keeps; made if need be.
            services: whether to run divert's services beside Kafka, Postgres and Valkey.
            preferred_ports: whether to use the well-known ports where they are free.
            environment: where DIVERT_KAFKA, DIVERT_POSTGRES and DIVERT_VALKEY name components that are there already;
                the process's own by default.
            run_file: where to publish what runs; None to publish nothing.
            secured: whether its services take tokens alone: of the issuer that the environment names, else of one of
                its own, whose key pair is made in the data folder.
            progress: is told in one line each what is going on.
        """
        self.kafka = self.postgres = self.valkey = ""
        self.urls: dict[str, str] = {}
        self.data = data.absolute()
        self._services: Sequence[ServiceProcess] = SERVICES if services else ()
        self._preferred = preferred_ports
        self._environment = os.environ if environment is None else environment
        self.kafka_for_providers = self._environment.get("DIVERT_KAFKA_FOR_PROVIDERS", "")
        self._run_file = run_file
        self._secured = secured
        self._progress = progress
        self._ports = Ports()
        self._state: Literal["starting", "ready", "stopping"] = "starting"
        self._started_at = datetime.now(UTC).isoformat(timespec="seconds")
        self._supervised: dict[str, Supervised] = {}
        self._exit = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Start everything and wait until it is ready.

        Raises:
            StackError: another stack uses the data folder or the run file, or something does not start.
        """
        async with AsyncExitStack() as exit_:
            lock_files = [self.data / LOCK]
            if self._run_file is not None:
                lock_files.append(record.lock_of(self._run_file))
            locks = [exit_.enter_context(record.lock(file)) for file in lock_files]
            (self.data / "logs").mkdir(parents=True, exist_ok=True)
            self._watchdog = exit_.enter_context(Watchdog(locks))
            if self._run_file is not None:
                exit_.callback(self._run_file.unlink, missing_ok=True)
            exit_.push_async_callback(self._stop)
            self._publish()
            upkeep = asyncio.create_task(self._upkeep(), name="upkeep of the stack")
            exit_.callback(upkeep.cancel)
            await self._start_components()
            if self._services:
                await self._start_services()
            self._state = "ready"
            self._publish()
            self._exit = exit_.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything: the services, then what they stand on."""
        await self._exit.aclose()

    async def _upkeep(self) -> None:
        while True:
            await asyncio.sleep(1)
            self._watchdog.keep_alive()
            for supervised in self._supervised.values():
                supervised.cap_log()

    async def _stop(self) -> None:
        self._state = "stopping"
        self._publish()
        components = self._supervised.keys() & {"kafka", "postgres", "valkey"}
        for names in (self._supervised.keys() - components, components):
            await asyncio.gather(*(self._supervised[name].stop() for name in names if name in self._supervised))

    async def _start_components(self) -> None:
        folders = {name: self.data / name for name in ("kafka", "postgres", "valkey")}
        starts = {
            "kafka": functools.partial(self._start_kafka, folders["kafka"]),
            "postgres": functools.partial(self._start_postgres, folders["postgres"]),
            "valkey": functools.partial(self._start_valkey, folders["valkey"]),
        }
        probes = {"kafka": kafka.answers, "postgres": postgres.answers, "valkey": valkey.answers}
        await _all(
            self._use(name, address, probes[name])
            if (address := self._environment.get(f"DIVERT_{name.upper()}"))
            else start()
            for name, start in starts.items()
        )

    async def _use(self, name: str, address: str, probe: Callable[[str], Awaitable[bool]]) -> None:
        try:
            answers = await asyncio.wait_for(probe(address), 10)
        except (OSError, TimeoutError):
            answers = False
        if not answers:
            raise StackError(f"{name} does not answer at the address in DIVERT_{name.upper()}")
        setattr(self, name, address)
        self._progress(f"{name}: using the one in DIVERT_{name.upper()}")

    async def _start_kafka(self, folder: Path) -> None:
        port = self._ports.take(kafka.PORT if self._preferred else None)
        controller_port = self._ports.take(None)
        self._progress(f"kafka: starting (the first start ever fetches Kafka {kafka.VERSION}, 44 MB)")
        providers_port = self._ports.take(kafka.PROVIDERS_PORT if self._preferred else None)
        self.kafka = f"{LOOPBACK}:{port}"
        self.kafka_for_providers = f"{LOOPBACK}:{providers_port}"
        await self._start(await asyncio.to_thread(kafka.prepare, folder, port, controller_port, providers_port))

    async def _start_postgres(self, folder: Path) -> None:
        self._progress("postgres: starting")
        port = self._ports.take(postgres.PORT if self._preferred else None)
        program, self.postgres = await asyncio.to_thread(postgres.prepare, folder, port)
        await self._start(program)

    async def _start_valkey(self, folder: Path) -> None:
        port = self._ports.take(valkey.PORT if self._preferred else None)
        self._progress("valkey: starting")
        self.valkey = f"redis://{LOOPBACK}:{port}/0"
        await self._start(valkey.prepare(folder, port))

    async def _start_services(self) -> None:
        self._progress("topics and schemas: preparing")
        # Not needed, and so not imported, by a stack without services.
        prepare = importlib.import_module("divert_cli.prepare").prepare
        await prepare(kafka=self.kafka, postgres=self.postgres)
        self._progress(f"services: starting {len(self._services)}")
        ports = {service.name: self._address(service, service.name) for service in self._services}
        programs = [self._program(service, service.name, ports[service.name]) for service in self._services]
        await _all(self._start(program, within=_SERVICES_WITHIN) for program in programs)

    def _address(self, service: ServiceProcess, name: str) -> int:
        """Take a port for a process of a service, note its base URL and return the port."""
        port = self._ports.take(service.port if self._preferred and name == service.name else None)
        host = self._host(service)
        self.urls[name] = f"http://{LOOPBACK if host == EVERYWHERE else host}:{port}"
        return port

    def _host(self, service: ServiceProcess) -> str:
        return self._environment.get(f"{service.prefix}_HOST", LOOPBACK)

    def _program(self, service: ServiceProcess, name: str, port: int, more: Mapping[str, str] | None = None) -> Program:
        """Return how a process of a service is run under a name; every process has its address by then."""
        if service.name == "intake" and "INTAKE_PLACE_KEY" not in os.environ:
            more = {"INTAKE_PLACE_KEY": self._place_key(), **(more or {})}
        shared = {
            **self._issuer(),
            "DIVERT_KAFKA": self.kafka,
            "DIVERT_POSTGRES": self.postgres,
            "DIVERT_VALKEY": self.valkey,
        }
        return Program(
            name=name,
            command=[sys.executable, "-m", service.module],
            port=port,
            probe=functools.partial(service_answers, self.urls[name] + service.ready),
            env={
                **ON_THIS_MACHINE,
                **shared,
                **service.environment(self._host(service), port, self.urls),
                "PYTHONUNBUFFERED": "1",
                **(more or {}),
            },
            cwd=self.data,
            nice=5,  # on a machine that is too slow, what everybody waits for goes first
        )

    def _issuer(self) -> dict[str, str]:
        """Return whose tokens the services take."""
        if not self._secured or "DIVERT_ISSUER" in self._environment:
            return {}
        own = LocalIssuer(self.data)
        own.make()
        return {"DIVERT_ISSUER": own.issuer, "DIVERT_AUDIENCE": own.audience, "DIVERT_JWKS": str(own.jwks)}

    def _place_key(self) -> str:
        """Return the key of the hashes of addresses and numbers, made once for the data that it hashes."""
        file = self.data / "place.key"
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(secrets.token_hex(32), encoding="ascii")
        return file.read_text(encoding="ascii")

    async def _start(self, program: Program, within: float = _COMPONENT_WITHIN) -> None:
        began = asyncio.get_running_loop().time()
        log = self.data / "logs" / f"{program.name}.log"
        supervised = Supervised(program, log, self._watchdog, changed=self._publish, progress=self._progress)
        self._supervised[program.name] = supervised
        await supervised.wait_ready(within)
        took = asyncio.get_running_loop().time() - began
        self._progress(f"{program.name}: ready on {LOOPBACK}:{program.port} after {took:.1f} s")

    def _publish(self) -> None:
        if self._run_file is not None:
            record.write(self.run, self._run_file)

    @property
    def run(self) -> record.Run:
        """What runs now."""
        return record.Run(
            version=version("divert-cli"),
            pid=os.getpid(),
            state=self._state,
            data=self.data,
            started_at=self._started_at,
            kafka=self.kafka,
            kafka_for_providers=self.kafka_for_providers,
            postgres=self.postgres,
            valkey=self.valkey,
            urls=self.urls,
            processes=tuple(
                record.ProcessState(
                    name=name,
                    pid=one.pid,
                    port=one.program.port,
                    ready=one.ready,
                    restarts=one.restarts,
                    log=one.log,
                )
                for name, one in self._supervised.items()
            ),
        )

    @property
    def watchdog_pid(self) -> int:
        """Process id of the watchdog."""
        return self._watchdog.pid

    def pid(self, name: str) -> int:
        """Return the process id of `name`.

        Raises:
            StackError: it does not run at this moment.
        """
        pid = self._one(name).pid
        if pid is None:
            raise StackError(f"{name} does not run at this moment")
        return pid

    async def kill(self, name: str) -> None:
        """Kill `name` with SIGKILL and return when it is dead; it is started again by itself."""
        await self._one(name).kill()

    async def wait_ready(self, name: str, within: float = 60.0) -> None:
        """Return when `name` is ready, after a kill as after a start.

        Raises:
            StackError: it is not ready within `within` seconds.
        """
        await self._one(name).wait_ready(within)

    async def add(self, service: str, name: str, environment: Mapping[str, str] | None = None) -> str:
        """Run one more worker of a service, beside those that run, and return its base URL when it is ready.

        Args:
            service: the name of a service process, such as ``routing``.
            name: what the worker is called among the processes.
            environment: settings that differ from those of the stack.

        Raises:
            StackError: there is such a process already, or it does not start.
        """
        if name in self._supervised:
            raise StackError(f"the stack has a process {name!r} already")
        described = next(one for one in SERVICES if one.name == service)
        port = self._address(described, name)
        await self._start(self._program(described, name, port, environment), within=_SERVICES_WITHIN)
        return self.urls[name]

    async def remove(self, name: str) -> None:
        """Stop a worker that was added, in good order."""
        await self._one(name).stop()
        del self._supervised[name], self.urls[name]
        self._publish()

    def _one(self, name: str) -> Supervised:
        try:
            return self._supervised[name]
        except KeyError:
            known = ", ".join(self._supervised)
            raise StackError(f"the stack does not supervise {name!r}; it has {known}") from None


def discard(data: Path) -> None:
    """Delete a data folder and whatever belongs to it elsewhere.

    Raises:
        StackError: a stack is using it.
    """
    if not data.exists():
        return
    with record.lock(data / LOCK):
        cluster = data / "postgres"
        if cluster.is_symlink():
            shutil.rmtree(cluster.resolve())
        shutil.rmtree(data)


async def _all(starts: Iterable[Awaitable[None]]) -> None:
    """Run `starts` beside each other; when one fails, cancel the others and raise its error alone."""
    tasks = [asyncio.ensure_future(start) for start in starts]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
