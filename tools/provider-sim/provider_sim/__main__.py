"""Run the simulated provider: `python -m provider_sim --way webhook --provider exodus --gateway URL`."""

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from provider_sim.contract import Schemas
from provider_sim.plans import BEHAVIOURS, read_script
from provider_sim.simulator import Provider
from provider_sim.ways import Machine, Where, opened


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="provider_sim", description="A provider to test with.")
    parser.add_argument("--way", choices=("http", "webhook", "kafka"), required=True)
    parser.add_argument("--behaviour", choices=sorted(BEHAVIOURS), default="prompt")
    parser.add_argument("--provider", required=True, help="the provider's id, such as exodus")
    parser.add_argument("--gateway", default="", help="its gateway; the token is read from PROVIDER_SIM_TOKEN")
    parser.add_argument("--listen", type=int, default=0, help="port for webhooks; a free one unless it is named")
    parser.add_argument("--kafka", default="", help="host:port; the password is read from PROVIDER_SIM_PASSWORD")
    parser.add_argument("--script", type=Path, help="what to do, by incident number; the behaviour is for the others")
    parser.add_argument("--schemas", type=Path, help="folder of the published JSON Schemas, to check what is received")
    parser.add_argument("--team", help="a team to put on shift at the start")
    return parser.parse_args()


async def main(asked: argparse.Namespace) -> None:
    """Be the provider until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    where = Where(
        way=asked.way,
        provider=asked.provider,
        gateway=asked.gateway.rstrip("/"),
        listen=asked.listen,
        kafka=asked.kafka,
        password=os.environ.get("PROVIDER_SIM_PASSWORD", ""),
        token=os.environ.get("PROVIDER_SIM_TOKEN", ""),
    )
    behaviour = BEHAVIOURS[asked.behaviour]
    script = read_script("{}" if asked.script is None else asked.script.read_text(encoding="utf-8"))
    async with opened(where, Machine(behaviour.transport), Schemas(asked.schemas)) as way:
        if asked.team:
            await way.shift([{"team": asked.team, "languages": ["en", "es"]}])
        running = asyncio.create_task(Provider(way, behaviour, script).run())
        sys.stdout.write(json.dumps({"ready": asked.way}) + "\n")
        sys.stdout.flush()
        told = asyncio.create_task(stopping.wait())
        await asyncio.wait([running, told], return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        running.cancel()
        told.cancel()


if __name__ == "__main__":
    asyncio.run(main(arguments()))
