"""Every figure and every hour of the stack that runs, counted again from its log by a script that shares no code."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from divert_cli.checkout import ROOT
from divert_cli.errors import StackError
from divert_cli.export import Exported, explained, figure_rows, hour_rows, write_log
from divert_cli.report import tables, the_period
from divert_reporting.adapters.exports import write_csv
from divert_reporting.adapters.periods import all_figures, hours
from divert_reporting.settings import ZONE

Say = Callable[[str], None]

SCRIPT = ROOT / "tools" / "recount.py"


@dataclass(frozen=True, slots=True)
class Result:
    """What was seen."""

    since: datetime
    until: datetime
    """The period: everything that is known."""
    records: int
    """On the log, as far as reporting had read."""
    numbers: int
    """Numbers of figures and hours that were published."""
    differing: Sequence[str]
    """Those that the script counted otherwise, as it says it."""

    @property
    def clean(self) -> bool:
        """Say whether there was something to count, and it was the same."""
        return self.numbers > 0 and not self.differing


async def prove(kafka: str, dsn: str, folder: Path, say: Say) -> Result:
    """Write the log, the figures and the hours of one moment to a folder, and let the script compare them.

    Raises:
        StackError: nothing is known yet, or the script itself fails.
    """
    log, figures_file, hours_file = (folder / name for name in ("log.ndjson", "figures.csv", "hours.csv"))
    async with tables(dsn) as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        since, until = await the_period(connection, None, None, None)
        columns = explained(Exported.FIGURES).columns
        numbers = await write_csv(
            figures_file, columns, figure_rows(await all_figures(connection, since, until, ZONE, None))
        )
        columns = explained(Exported.HOURS).columns
        numbers += 2 * await write_csv(hours_file, columns, hour_rows(await hours(connection, since, until, None)))
        positions = await connection.fetch("SELECT topic, partition, next FROM position")
    upto = {(row["topic"], row["partition"]): row["next"] for row in positions}
    records = await asyncio.to_thread(write_log, kafka, log, upto)
    say(f"{records:,} records, {numbers:,} numbers")
    differing = await asyncio.to_thread(recounted, log, figures_file, hours_file, since, until)
    return Result(since, until, records, numbers, differing)


def recounted(log: Path, figures_file: Path, hours_file: Path, since: datetime, until: datetime) -> Sequence[str]:
    """Return the numbers that the script counts otherwise.

    Raises:
        StackError: the script does not come to an end.
    """
    options: Mapping[str, str] = {
        "--against": str(figures_file),
        "--hours": str(hours_file),
        "--from": since.isoformat(),
        "--to": until.isoformat(),
        "--zone": ZONE.key,
    }
    command = [sys.executable, str(SCRIPT), str(log), *(word for pair in options.items() for word in pair)]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    *differing, last = told.stdout.splitlines() or [""]
    if not last.endswith("differ") or (told.returncode == 0) != (not differing):
        raise StackError(f"{SCRIPT.name} does not come to an end: {told.stderr.strip()[-500:]}")
    return differing
