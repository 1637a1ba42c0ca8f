"""Logs: one JSON object a line, of ids and types only.

What may stand in a line is listed here: keys by name, values by type. Anything else is left out and counted, so that a
careless call cannot print a caller's words. Exceptions are shown by type and place; their messages may hold input.
"""

import json
import logging
import re
import sys
import time
from collections.abc import Callable
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from traceback import extract_tb
from types import TracebackType
from typing import TextIO, cast
from uuid import UUID

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from divert_chassis.metrics import LOG_KEYS_DROPPED, LOGS_SUPPRESSED

IDS = frozenset(
    {"agency", "call_id", "case_id", "cause", "fact_id", "handoff_id", "key", "member", "provider", "request_id"}
)
TYPES = frozenset({"command", "error", "kind", "reason", "result", "task", "timer", "type", "version"})
PLACES = frozenset({"group", "host", "method", "module", "offset", "partition", "port", "route", "service", "topic"})
FIGURES = frozenset(
    {
        "attempt",
        "count",
        "dead_letters",
        "epoch",
        "lag",
        "records",
        "seconds",
        "sequence",
        "status",
        "suppressed",
        "topics",
    }
)
KEYS = IDS | TYPES | PLACES | FIGURES
"""The keys that a log call may use."""

FOREIGN = frozenset({"aiokafka", "asyncio", "faststream", "opentelemetry", "uvicorn"})
"""Libraries whose constant messages are shown; of others only where they come from."""

REPEAT_AFTER = 10.0
"""Seconds within which a library's message from one place is shown once."""

_OWN = frozenset({"event", "level", "where", "exc_info"})
_MAXIMUM = 300
_PRINTABLE = re.compile(r"[\x20-\x7e\u00a0-\ufffd]*")
_LEADING_WORDS = re.compile(r"[A-Za-z ,.]*")

ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]


def logger(name: str) -> FilteringBoundLogger:
    """Return a module's logger, by its ``__name__``; its events are constant, its keys those in ``KEYS``."""
    return structlog.get_logger(module=name)


def configure(service: str, level: str = "info", *, out: TextIO | None = None) -> None:
    """Send the logs of the whole process, libraries included, to ``out`` (standard output unless told otherwise).

    Lines are JSON, or plain when ``out`` is a terminal.
    """
    sink = sys.stdout if out is None else out
    threshold = logging.getLevelNamesMapping()[level.upper()]
    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        only_allowed,
        errors_by_type,
        _Stamped(service),
        structlog.dev.ConsoleRenderer() if sink.isatty() else structlog.processors.JSONRenderer(_json),
    ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(sink),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [Foreign()]
    # Libraries tell of every message at the lower levels.
    root.setLevel(max(threshold, logging.WARNING))
    logging.captureWarnings(capture=True)


def only_allowed(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Leave out every key that is not listed and every value that is not a short scalar."""
    allowed: EventDict = {}
    dropped = 0
    for key, value in event.items():
        if key in _OWN:
            allowed[key] = value
        elif key in KEYS and (shown := _scalar(value)) is not None:
            allowed[key] = shown
        elif value is not None:
            dropped += 1
    if dropped:
        LOG_KEYS_DROPPED.inc(dropped)
        allowed["dropped"] = dropped
    return allowed


def errors_by_type(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace an exception by its type, those of its causes, and the places it went through."""
    error: object = event.pop("exc_info", None)
    if isinstance(error, tuple):
        error = cast("ExcInfo", error)[1]
    elif error is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        event["error"] = type_name(error)
        event["trace"] = _places(error)
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        causes: list[str] = []
        while cause is not None and len(causes) < 5:  # noqa: PLR2004 (a chain may be a ring)
            causes.append(type_name(cause))
            cause = cause.__cause__ or cause.__context__
        if causes:
            event["caused_by"] = causes
    return event


def type_name(error: BaseException) -> str:
    """Return an exception's type with its module, builtins without."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


class Foreign(logging.Handler):
    """Takes what libraries log, without values that could be content, and one of the same in ten seconds."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Start with nothing seen; ``monotonic`` returns seconds of a clock that never goes back."""
        super().__init__()
        self._monotonic = monotonic
        self._seen: dict[tuple[str, str, int, int], tuple[float, int]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Log the record as ours, or count it as suppressed."""
        place = (record.name, record.pathname, record.lineno, record.levelno)
        shown_at, suppressed = self._seen.get(place, (float("-inf"), 0))
        now = self._monotonic()
        if now - shown_at < REPEAT_AFTER:
            self._seen[place] = (shown_at, suppressed + 1)
            LOGS_SUPPRESSED.labels(record.name.partition(".")[0]).inc()
            return
        self._seen[place] = (now, 0)
        structlog.get_logger().log(
            record.levelno,
            _message(record),
            module=record.name,
            where=f"{Path(record.pathname).name}:{record.lineno}",
            suppressed=suppressed or None,
            exc_info=record.exc_info,
        )


class _Stamped:
    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        stamp = datetime.fromtimestamp(time.time()).astimezone().isoformat(timespec="milliseconds")
        return {"at": stamp, "level": event.pop("level", None), "service": self._service, **event}


def _scalar(value: object) -> str | float | None:
    match value:
        case Enum():
            return str(value.value)
        case bool() | int() | float():
            return value
        case UUID() | date():
            return str(value)
        case str() if len(value) <= _MAXIMUM and _PRINTABLE.fullmatch(value):
            return str(value)
        case _:
            return None


def _places(error: BaseException) -> list[str]:
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in extract_tb(error.__traceback__)]


def _message(record: logging.LogRecord) -> str:
    """Return what a library said: its template with figures and types filled in, never with texts."""
    template = str(record.msg)
    if record.name.partition(".")[0] not in FOREIGN:
        return "(message of a library)"
    if isinstance(record.args, tuple) and record.args:
        try:
            return template % tuple(_shown(value) for value in record.args)
        except (TypeError, ValueError):
            return template
    # Without arguments the text may have been put together already: only its first words are constant for sure.
    leading = _LEADING_WORDS.match(template)
    return leading.group() if leading else ""


def _shown(value: object) -> object:
    if isinstance(value, BaseException):
        return type_name(value)
    return value if isinstance(value, int | float) else f"<{type(value).__name__}>"


def _json(event: object, **_: object) -> str:
    return json.dumps(event, default=str)
