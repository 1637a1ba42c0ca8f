"""The service processes of divert as data; `docker-compose.yml` names the same ones and a test compares the two."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"  # noqa: S104  # only when the environment asks for it

ON_THIS_MACHINE: Mapping[str, str] = {"PROVIDER_GATEWAY_WEBHOOK_PRIVATE": f'["{LOOPBACK}/32"]'}
"""What processes are told on a machine of one's own alone: whoever tries webhooks there has their server there too."""


@dataclass(frozen=True)
class ServiceProcess:
    """One process of a service: what it is called, how it is run and how one sees that it is ready.

    Attributes:
        name: the name in `status`, in `logs` and in the compose file.
        module: what `python -m` runs.
        prefix: the prefix of its settings in the environment.
        port: the port it listens on when that is free.
        own: settings of this process alone, beside host, port and the shared addresses.
        asks: the processes whose base URLs it is told, as settings named `<PREFIX>_<NAME>_URL`.
        watches: the processes whose health it shows; it is told the base URLs of those that are
            there by name, in `<PREFIX>_WATCHES`.
        ready: the path that answers 200 when it is ready to work.
    """

    name: str
    module: str
    prefix: str
    port: int
    own: Mapping[str, str] = field(default_factory=dict[str, str])
    asks: tuple[str, ...] = ()
    watches: tuple[str, ...] = ()
    ready: str = "/readyz"

    def environment(self, host: str, port: int, urls: Mapping[str, str]) -> dict[str, str]:
        """Return the settings of this process when it listens on `host` and `port`, and others at `urls`."""
        asked = {f"{self.prefix}_{name.upper()}_URL": urls[name] for name in self.asks}
        if self.watches:
            asked[f"{self.prefix}_WATCHES"] = json.dumps({name: urls[name] for name in self.watches if name in urls})
        return {f"{self.prefix}_HOST": host, f"{self.prefix}_PORT": str(port), **self.own, **asked}


def _gateway(provider: str, port: int) -> ServiceProcess:
    return ServiceProcess(
        name=f"provider-gateway-{provider}",
        module="divert_provider_gateway",
        prefix="PROVIDER_GATEWAY",
        port=port,
        own={"PROVIDER_GATEWAY_PROVIDER": provider},
    )


_GATEWAYS = (
    _gateway("exodus", 8111),
    _gateway("alcott", 8112),
    _gateway("penny-lane", 8113),
    _gateway("circle", 8114),
    _gateway("crisis-line", 8115),
    ServiceProcess(
        "agency-gateway-lapd", "divert_provider_gateway", "PROVIDER_GATEWAY", 8116, {"PROVIDER_GATEWAY_AGENCY": "lapd"}
    ),
)
SERVICES: tuple[ServiceProcess, ...] = (
    ServiceProcess("intake", "divert_intake", "INTAKE", 8101, {"INTAKE_EIDO_AGENCY": "lapd"}),
    ServiceProcess("triage", "divert_triage", "TRIAGE", 8102),
    ServiceProcess("routing", "divert_routing", "ROUTING", 8103, asks=("intake", "triage", "reporting")),
    ServiceProcess(
        "reporting",
        "divert_reporting",
        "REPORTING",
        8104,
        watches=("intake", "triage", "routing", "reporting", *(one.name for one in _GATEWAYS)),
    ),
    *_GATEWAYS,
)
