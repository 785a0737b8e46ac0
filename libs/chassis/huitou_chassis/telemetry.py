"""The list of metrics, and logs as one JSON object a line."""

import logging
import sys

import structlog
from prometheus_client import Counter, Gauge, Histogram

RECORDS = Counter("huitou_records_total", "Records taken from Kafka", ["topic"])
DEAD_LETTERS = Counter("huitou_dead_letters_total", "Records that could not be understood", ["topic", "reason"])
LETTERS_WAITING = Gauge("huitou_dead_letters_waiting", "Dead letters neither replayed nor dropped", ["topic"])
LAG = Gauge("huitou_lag_records", "Records not yet taken", ["topic", "partition"])
LOST = Counter("huitou_records_lost_total", "Records that were deleted before they were read", ["topic"])
BATCH_SECONDS = Histogram("huitou_batch_seconds", "From reading a batch to its commit")
RELAYED = Counter("huitou_relayed_total", "Records sent from the outbox", ["topic"])
OUTBOX = Gauge("huitou_outbox_rows", "Rows that the relay saw waiting at its last look")
JOB_SECONDS = Histogram("huitou_job_seconds", "One run of a job", ["job"])
JOB_FAILURES = Counter("huitou_job_failures_total", "Runs of a job that failed and are tried again", ["job"])
REQUESTS = Histogram("huitou_request_seconds", "HTTP calls", ["method", "route", "status"])


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
