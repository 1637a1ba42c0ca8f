"""Files that leave reporting."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from divert_reporting.adapters.dictionary import Column
from divert_reporting.adapters.exports import write_csv

COLUMNS = [
    Column(name=name, type="text", about="") for name in ("text", "list", "time", "id", "flag", "number", "none")
]
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx")
NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)


async def test_no_text_runs_in_a_spreadsheet(tmp_path: Path) -> None:
    async def rows() -> AsyncIterator[tuple[object, ...]]:
        for text in (*FORMULAS, "a=1"):
            yield (text, [text, "b"], NOON, UUID(int=7), True, -3, None)

    assert await write_csv(tmp_path / "a.csv", COLUMNS, rows()) == len(FORMULAS) + 1
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as handle:
        text = handle.read()
    head, first, *_, last = text.splitlines()
    assert head == "text,list,time,id,flag,number,none"
    rest = "2026-10-01T12:00:00.000000+00:00,00000000-0000-0000-0000-000000000007,true,-3,"
    assert first == f"'=1+1,'=1+1;b,{rest}"
    assert last == f"a=1,a=1;b,{rest}"
    assert not any(f"\n{formula}" in text or f",{formula}" in text for formula in FORMULAS)
