"""The list of metrics, and logs as one JSON object a line."""

import logging
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import structlog
from prometheus_client import Counter, Gauge, Histogram

from huitou_chassis.log_masking import mask_line

if TYPE_CHECKING:
    import asyncpg

# No label is called `job`, `instance` or `service`: who collects sets these, and renames a metric's own.
BUILD = Gauge(
    "huitou_build_info", "1, with what runs: a process of a service, and its version", ["component", "version"]
)

RECORDS = Counter("huitou_records_total", "Records taken from Kafka", ["topic"])
DEAD_LETTERS = Counter("huitou_dead_letters_total", "Records that could not be understood", ["topic", "reason"])
LETTERS_WAITING = Gauge("huitou_dead_letters_waiting", "Dead letters neither replayed nor dropped", ["topic"])
LAG = Gauge("huitou_lag_records", "Records not yet taken", ["topic", "partition"])
LOST = Counter("huitou_records_lost_total", "Records that were deleted before they were read", ["topic"])
BEHIND = Gauge("huitou_behind_seconds", "For how long there has been something to read, and nothing was taken")
BATCH_SECONDS = Histogram("huitou_batch_seconds", "From reading a batch to its commit")

RELAYED = Counter("huitou_relayed_total", "Records sent from the outbox", ["topic"])
OUTBOX = Gauge("huitou_outbox_rows", "Rows that the relay saw waiting at its last look, 10,000 at most")
OUTBOX_AGE = Gauge("huitou_outbox_age_seconds", "For how long the oldest row of the outbox has waited")

LEADS = Gauge("huitou_leads", "1 while this worker relays and runs the jobs of its service")
JOB_SECONDS = Histogram("huitou_job_seconds", "One run of a job", ["name"])
JOB_FAILURES = Counter("huitou_job_failures_total", "Runs of a job that failed and are tried again", ["name"])
DUE_LATE = Histogram(
    "huitou_due_late_seconds",
    "How long after its moment the earliest of a batch of due work was handled, by the clock of the domain",
    ["name"],
    buckets=(0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400),
)

REQUESTS = Histogram("huitou_request_seconds", "HTTP calls that were answered", ["method", "route", "status"])
CALLS = Histogram("huitou_call_seconds", "HTTP calls to other services and providers", ["to", "status"])

POOL_SIZE = Gauge("huitou_pool_connections", "Connections to PostgreSQL that are open", ["pool"])
POOL_USED = Gauge("huitou_pool_connections_used", "Connections to PostgreSQL that are at work", ["pool"])
POOL_MOST = Gauge("huitou_pool_connections_most", "Connections to PostgreSQL that may be open", ["pool"])
CLOCK_SKEW = Gauge("huitou_clock_skew_seconds", "How far this machine's clock is ahead of PostgreSQL's")


def watch_pool(name: str, pool: "asyncpg.Pool[Any]") -> None:
    """Shows the use of a process's pool."""
    POOL_SIZE.labels(name).set_function(pool.get_size)
    POOL_USED.labels(name).set_function(lambda: pool.get_size() - pool.get_idle_size())
    POOL_MOST.labels(name).set_function(pool.get_max_size)


def note_late(name: str, us: int) -> None:
    """The earliest work of a batch was handled so many microseconds after its moment."""
    DUE_LATE.labels(name).observe(max(0, us) / 1_000_000)


def name_build(service: str, process: str) -> None:
    BUILD.labels(f"{service}-{process}", version("huitou-chassis")).set(1)


def configure_logs(service: str, process: str) -> None:
    """Everything that logs, libraries too, writes JSON lines to standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
                mask_line,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    # A group's first start logs errors about a coordinator that is only just being made.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    for noisy in ("httpx2", "uvicorn.access", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(service=service, process=process)
