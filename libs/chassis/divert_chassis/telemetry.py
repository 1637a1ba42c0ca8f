"""Traces (OpenTelemetry): spans of requests, batches and publications, with ids and types, never content.

Without a collector nothing is recorded, and a caller's trace context is only handed on.
"""

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from divert_chassis.logs import type_name

__all__ = ["SpanKind", "configure", "current_traceparent", "off", "process_attributes", "publish_attributes", "span"]

_PROPAGATOR = TraceContextTextMapPropagator()

Attributes = Mapping[str, str | int]


class _Tracing:
    provider: TracerProvider | None = None
    tracer: trace.Tracer | None = None


def configure(service: str, *, endpoint: str | None, processor: SpanProcessor | None = None) -> None:
    """Record spans from now on, if there is somewhere to send them.

    Args:
        service: becomes ``service.name``.
        endpoint: base address of an OTLP/HTTP collector, such as ``http://127.0.0.1:4318``; without it nothing is done.
        processor: takes the spans instead of the collector.
    """
    if processor is None:
        if endpoint is None:
            return
        processor = BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces"))
    provider = TracerProvider(
        resource=Resource.create({"service.namespace": "divert", "service.name": service}), shutdown_on_exit=False
    )
    provider.add_span_processor(processor)
    _Tracing.provider = provider
    _Tracing.tracer = provider.get_tracer("divert")


def off() -> None:
    """Send what is left and record nothing from now on."""
    provider, _Tracing.provider, _Tracing.tracer = _Tracing.provider, None, None
    if provider is not None:
        provider.shutdown()


@contextmanager
def span(
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    *,
    parent: str | None = None,
    links: Iterable[str | None] = (),
    attributes: Attributes | None = None,
) -> Generator[None]:
    """Run the block within a span; an exception marks it by type and goes on.

    Args:
        name: such as ``process calls.v1`` or ``POST /v1/calls``; few different ones.
        kind: the span's kind.
        parent: traceparent of what asked for this; else the span that surrounds the block.
        links: traceparents of what it follows from, such as those of a batch's records.
        attributes: ids, types and figures by the semantic conventions.
    """
    remote = None if parent is None else _read(parent)
    tracer = _Tracing.tracer
    if tracer is None:
        if remote is None:
            yield
            return
        token = context.attach(trace.set_span_in_context(NonRecordingSpan(remote)))
        try:
            yield
        finally:
            context.detach(token)
        return
    linked = [found for text in dict.fromkeys(links) if text and (found := _read(text)) is not None]
    with tracer.start_as_current_span(
        name,
        context=None if remote is None else trace.set_span_in_context(NonRecordingSpan(remote)),
        kind=kind,
        attributes=attributes,
        links=[Link(found) for found in linked],
        # Its own record of an exception holds the message, and so maybe a caller's words.
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        try:
            yield
        except BaseException as error:
            current.set_attribute("error.type", type_name(error))
            current.set_status(Status(StatusCode.ERROR))
            raise


def current_traceparent() -> str | None:
    """Return the W3C trace context to hand on, or null outside any trace."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get("traceparent")


def process_attributes(topic: str, group: str, count: int) -> Attributes:
    """Return the messaging attributes of a span that handles a batch of records."""
    return {**_messaging(topic, "process", count), "messaging.consumer.group.name": group}


def publish_attributes(topic: str, count: int) -> Attributes:
    """Return the messaging attributes of a span that publishes records."""
    return _messaging(topic, "send", count)


def _messaging(topic: str, operation: str, count: int) -> dict[str, str | int]:
    return {
        "messaging.system": "kafka",
        "messaging.destination.name": topic,
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.batch.message_count": count,
    }


def _read(traceparent: str) -> SpanContext | None:
    found = trace.get_current_span(_PROPAGATOR.extract({"traceparent": traceparent}, context.Context()))
    return found.get_span_context() if found.get_span_context().is_valid else None
