"""What was measured, on which machine, as a table and as a file."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from divert_bench.measures import Result

_STYLES = {"met": "green", "missed": "yellow", "below half": "bold red", "": ""}


def machine() -> dict[str, str | int]:
    """Return what tells this machine from others, as far as speed goes."""
    return {
        "cpu": _first("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": os.cpu_count() or 0,
        "memory": _first("/proc/meminfo", "MemTotal") or "unknown",
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("aiokafka", "asyncpg", "faststream", "pydantic")},
    }


def _first(file: str, field: str) -> str | None:
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(field)), None)


def show(results: Sequence[Result], console: Console) -> None:
    """Print the table."""
    table = Table("what", "expected", "got", "unit", "")
    table.columns[1].justify = table.columns[2].justify = "right"
    for one in results:
        bound = "at most " if one.lower_is_better else "at least "
        expected = "" if one.expected is None else bound + _figure(one.expected)
        table.add_row(one.what, expected, _figure(one.got), one.unit, one.verdict, style=_STYLES[one.verdict])
    console.print(table)


def document(results: Sequence[Result], *, quick: bool) -> dict[str, object]:
    """Return everything as it is filed."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "machine": machine(),
        "results": [{**asdict(one), "verdict": one.verdict} for one in results],
    }


def file(document: dict[str, object], folder: Path) -> Path:
    """Write a document to a file named by its time and return where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{str(document['at'])[:19].replace(':', '')}.json"
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return path


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}"  # noqa: PLR2004  # three digits are enough
