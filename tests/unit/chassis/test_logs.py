"""Logs hold ids and types only."""

import io
import json
import logging
from collections.abc import Iterator
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest
import structlog
from pydantic import ValidationError

from divert_chassis import logs
from divert_contracts.facts.shifts import ShiftChanged

WORDS = "my brother has taken his pills"


class Colour(StrEnum):
    RED = "red"


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    sink = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logs.configure("routing", "info", out=sink)
    yield sink
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_is_json_with_time_level_service_and_logger(out: io.StringIO) -> None:
    logs.logger("divert_chassis.consumer").info("batch-done", records=3, topic="calls.v1")
    (line,) = lines(out)
    assert line.pop("at")
    assert line == {
        "level": "info",
        "service": "routing",
        "event": "batch-done",
        "module": "divert_chassis.consumer",
        "records": 3,
        "topic": "calls.v1",
    }


def test_ids_and_words_of_vocabularies_are_shown(out: io.StringIO) -> None:
    logs.logger("x").info("seen", call_id=UUID(int=7), reason=Colour.RED)
    (line,) = lines(out)
    assert (line["call_id"], line["reason"]) == (str(UUID(int=7)), "red")


@pytest.mark.parametrize(
    "careless",
    [
        {"narrative": WORDS},
        {"call_id": {"narrative": WORDS}},
        {"reason": [WORDS]},
        {"reason": ShiftChanged.model_construct(provider=WORDS)},
        {"key": WORDS.encode()},
        {"reason": WORDS * 20},
        {"reason": f"{WORDS}\nforged line"},
    ],
)
def test_what_is_not_listed_is_left_out_and_counted(out: io.StringIO, careless: dict[str, Any]) -> None:
    logs.logger("x").info("seen", **careless)
    assert WORDS not in out.getvalue()
    (line,) = lines(out)
    assert line["dropped"] == 1


def test_context_of_a_request_is_in_every_line(out: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        logs.logger("x").info("seen")
    assert lines(out)[0]["request_id"] == "r-1"


def test_an_exception_is_shown_by_type_place_and_causes_without_its_message(out: io.StringIO) -> None:
    try:
        try:
            ShiftChanged.model_validate({"provider": [WORDS], "teams": WORDS})
        except ValidationError as error:
            raise LookupError(WORDS) from error
    except LookupError:
        logs.logger("x").exception("failed")
    assert WORDS not in out.getvalue()
    (line,) = lines(out)
    assert line["error"] == "LookupError"
    assert line["caused_by"] == ["pydantic_core._pydantic_core.ValidationError"]
    assert line["trace"][0].startswith("test_logs.py:")


def test_a_library_is_shown_with_figures_but_without_texts(out: io.StringIO) -> None:
    logging.getLogger("aiokafka.conn").error("Node %s at %d is gone: %r", WORDS, 7, ValueError(WORDS))
    (line,) = lines(out)
    assert line["event"] == "Node <str> at 7 is gone: 'ValueError'"
    assert line["module"] == "aiokafka.conn"


@pytest.mark.parametrize("name", ["aiokafka", "some.other.library"])
def test_a_message_that_was_put_together_already_is_cut_or_withheld(out: io.StringIO, name: str) -> None:
    logging.getLogger(name).error(f"Received: {WORDS}")  # noqa: G004 (that is the case)
    assert WORDS not in out.getvalue()
    assert len(lines(out)) == 1


def test_the_exception_of_a_lost_task_is_shown_without_its_message(out: io.StringIO) -> None:
    error = ValueError(WORDS)
    message = f"Task exception was never retrieved\nfuture: <Task exception={error!r}>"
    logging.getLogger("asyncio").error(message, exc_info=error)
    assert WORDS not in out.getvalue()
    assert lines(out)[0]["event"] == "Task exception was never retrieved"
    assert lines(out)[0]["error"] == "ValueError"


def test_a_chattering_library_is_shown_once_in_ten_seconds_with_the_count_of_the_rest(out: io.StringIO) -> None:
    now = [0.0]
    logging.getLogger().handlers[:] = [logs.Foreign(lambda: now[0])]
    for second in range(25):
        now[0] = float(second)
        logging.getLogger("aiokafka").error("Unable to connect to node %d", second)
    assert [(line["event"][-2:].strip(), line.get("suppressed", 0)) for line in lines(out)] == [
        ("0", 0),
        ("10", 9),
        ("20", 9),
    ]


def test_own_lines_are_never_suppressed(out: io.StringIO) -> None:
    for _ in range(25):
        logs.logger("x").info("seen")
    assert len(lines(out)) == 25


def test_a_template_that_does_not_fit_its_arguments_does_no_harm(out: io.StringIO) -> None:
    logs.Foreign().emit(logging.LogRecord("aiokafka", logging.ERROR, __file__, 1, "Only %d", (WORDS,), None))
    assert lines(out)[0]["event"] == "Only %d"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_plain_lines(out: io.StringIO) -> None:
    terminal = Terminal()
    logs.configure("routing", out=terminal)
    logs.logger("x").info("seen", records=3)
    assert "seen" in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")
