"""Every metric of divert, in one list. ``docs/metrics.md`` tells people the same."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector

REGISTRY = CollectorRegistry(auto_describe=True)
"""What ``/metrics`` shows."""
METRICS: list["Metric"] = []
"""Every metric, in the order of the table in the documentation."""

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """What people are told of a metric."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str


def _counter(name: str, text: str, *labels: str) -> Counter:
    METRICS.append(Metric(name, "counter", labels, text))
    return Counter(name, text, labels, registry=REGISTRY)


def _gauge(name: str, text: str, *labels: str) -> Gauge:
    METRICS.append(Metric(name, "gauge", labels, text))
    return Gauge(name, text, labels, registry=REGISTRY)


def _histogram(name: str, text: str, *labels: str) -> Histogram:
    METRICS.append(Metric(name, "histogram", labels, text))
    return Histogram(name, text, labels, registry=REGISTRY, buckets=SECONDS)


# consuming
FACTS_HANDLED = _counter("divert_facts_handled_total", "Facts whose step ran and was kept", "service", "type")
FACTS_REPEATED = _counter("divert_facts_repeated_total", "Facts left out because their id was known", "service")
UNKNOWN_TYPES = _counter("divert_unknown_types_total", "Valid envelopes of an unknown type, skipped", "service")
DEAD_LETTERS = _counter("divert_dead_letters_total", "Records that could not be handled", "service", "topic")
NOT_LEARNT = _counter("divert_not_learnt_total", "Policy facts refused: what was in force stayed", "service", "type")
BATCH_SECONDS = _histogram("divert_batch_seconds", "Seconds from taking a batch to its commit", "service")
BATCHES_RETRIED = _counter("divert_batches_retried_total", "Batches tried again, by type of error", "service", "error")
CONSUMER_LAG = _gauge("divert_consumer_lag", "Records behind the end", "service", "topic", "partition")

# timers
TIMERS_RUN = _counter("divert_timers_run_total", "Timers whose step ran", "service", "timer")
TIMERS_OVERDUE = _gauge("divert_timers_overdue", "Timers more than a second late", "service")

# publishing
FACTS_PUBLISHED = _counter(
    "divert_facts_published_total", "Records that the broker has acknowledged", "service", "topic"
)
OUTBOX_WAITING = _gauge("divert_outbox_waiting", "Outbox rows not yet published", "service")
PRODUCERS_REPLACED = _counter("divert_producers_replaced_total", "Producers given up and made anew", "service")

# readiness
HELD = _gauge("divert_held", "1 while this keeps the process from being ready", "reason")

# HTTP
HTTP_REQUESTS = _counter("divert_http_requests_total", "Answered requests", "service", "method", "route", "status")
HTTP_SECONDS = _histogram("divert_http_seconds", "Seconds from a request's head to its last byte", "service", "route")
COMMANDS = _counter("divert_commands_total", "Commands, by what became of them", "service", "command", "result")
RATE_EXCEEDED = _counter(
    "divert_rate_exceeded_total",
    "Requests beyond a client's limit, by result",
    "service",
    "role",
    "result",
)
AUDIT_LOST = _counter("divert_audit_lost_total", "Audit entries dropped: Postgres was away too long", "service")

# intake
INTAKE_ACCEPTED = _counter("divert_intake_accepted_total", "Facts accepted from callers, by type", "type")
INTAKE_REFUSED = _counter("divert_intake_refused_total", "Requests and lines refused, by reason", "reason")
INTAKE_WARNED = _counter("divert_intake_warned_total", "Warnings given with acceptances, by kind", "warning")

# webhooks
WEBHOOK_TRIES = _counter("divert_webhook_tries_total", "Attempts to deliver a webhook, by result", "service", "result")
WEBHOOK_GONE = _gauge("divert_webhook_gone", "1 while an endpoint that answered 410 is sent nothing", "service")

# logs
LOGS_SUPPRESSED = _counter("divert_logs_suppressed_total", "Repeated messages of libraries left out", "logger")
LOG_KEYS_DROPPED = _counter("divert_log_keys_dropped_total", "Log keys or values that are not allowed, left out")


def watch_process(registry: CollectorRegistry = REGISTRY) -> None:
    """Show memory, CPU, files and the Python version of this process too; called once by ``run``."""
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
