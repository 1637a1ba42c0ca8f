"""Traces hold ids and types, and cost nothing where nobody collects them."""

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from divert_chassis import telemetry
from divert_chassis.telemetry import SpanKind, current_traceparent, span

ONE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER = "00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01"
WORDS = "my brother has taken his pills"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    telemetry.configure("routing", endpoint=None, processor=SimpleSpanProcessor(exporter))
    yield exporter
    telemetry.off()


def only(spans: InMemorySpanExporter) -> ReadableSpan:
    (found,) = spans.get_finished_spans()
    return found


def test_without_a_collector_there_is_no_trace() -> None:
    with span("process calls.v1"):
        assert current_traceparent() is None


def test_without_a_collector_the_callers_trace_is_handed_on() -> None:
    with span("POST /v1/calls", SpanKind.SERVER, parent=ONE):
        assert current_traceparent() == ONE
        with span("send calls.v1"):
            assert current_traceparent() == ONE
    assert current_traceparent() is None


def test_a_span_goes_on_with_the_callers_trace(spans: InMemorySpanExporter) -> None:
    with span("POST /v1/calls", SpanKind.SERVER, parent=ONE):
        handed_on = current_traceparent()
    assert handed_on is not None
    assert handed_on.split("-")[1] == ONE.split("-")[1]
    assert handed_on != ONE
    assert only(spans).kind is SpanKind.SERVER


def test_a_batch_is_linked_to_the_traces_of_its_records(spans: InMemorySpanExporter) -> None:
    attributes = telemetry.process_attributes("calls.v1", "routing", 4)
    with span("process calls.v1", SpanKind.CONSUMER, links=[ONE, None, OTHER, ONE, "broken"], attributes=attributes):
        pass
    found = only(spans)
    assert [f"{link.context.trace_id:032x}" for link in found.links] == [ONE.split("-")[1], OTHER.split("-")[1]]
    assert dict(found.attributes or {}) == {
        "messaging.system": "kafka",
        "messaging.destination.name": "calls.v1",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.batch.message_count": 4,
        "messaging.consumer.group.name": "routing",
    }


def test_an_error_marks_its_span_by_type_alone(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="pills"), span("process calls.v1"):
        raise ValueError(WORDS)
    found = only(spans)
    assert dict(found.attributes or {}) == {"error.type": "ValueError"}
    assert not found.status.is_ok
    assert WORDS not in found.to_json()


@pytest.mark.parametrize("traceparent", ["", "x", "00-0-0-01", ONE.replace("00-", "ff-", 1), "\u00ff" * 60])
def test_a_broken_trace_context_is_ignored(traceparent: str) -> None:
    with span("POST /v1/calls", parent=traceparent):
        assert current_traceparent() is None


class Collector(BaseHTTPRequestHandler):
    """A collector that keeps what it is sent."""

    received: ClassVar[list[tuple[str, bytes]]] = []

    def do_POST(self) -> None:
        self.received.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the standard library's name)
        """Print nothing."""


def test_spans_are_sent_to_the_collector_before_the_process_ends() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        telemetry.configure("routing", endpoint=f"http://127.0.0.1:{collector.server_port}/")
        with span("process calls.v1"):
            pass
        telemetry.off()
        collector.shutdown()
    ((path, body),) = Collector.received
    assert path == "/v1/traces"
    assert b"process calls.v1" in gzip_or_plain(body)
    with span("process calls.v1"):
        assert current_traceparent() is None


def gzip_or_plain(body: bytes) -> bytes:
    return gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
