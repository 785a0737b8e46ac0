"""Traces: a span for each batch, call and job that did something, sent to HUITOU_OTLP; nothing where that is not set.

    event with a context -> a link of the batch's span -> the context in what the batch says

docs/decisions/0004-tracing.md has the reasons. No span has anything of a path, a query, a body or an error's text.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.metadata import version
from itertools import islice

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from huitou_events import Trace

LINKS = 128
"""Links of a span; a batch of more contexts shows the first of them."""
CLOSE_SECONDS = 2
EXPORT_SECONDS = 5
Answered = Callable[[str, int], None]
_W3C = TraceContextTextMapPropagator()
_tracer: Tracer | None = None


class _Job:
    """A run of a job; its span begins, in hindsight, when it says something or calls somebody."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.began = time.time_ns()
        self.span: Span | None = None

    def begun(self, tracer: Tracer) -> Span:
        if self.span is None:
            self.span = tracer.start_span(self.name, Context(), start_time=self.began)
        return self.span


_job: ContextVar[_Job | None] = ContextVar("job", default=None)


@contextmanager
def exported(service: str, process: str, endpoint: str) -> Iterator[None]:
    """Sends the spans of this process to the OTLP/HTTP `endpoint` while it runs; with an empty one there are none."""
    global _tracer
    if not endpoint:
        yield
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise SystemExit("HUITOU_OTLP is set; pip install 'huitou-chassis[tracing]' brings what it needs") from error
    number = version("huitou-chassis")
    resource = Resource.create({"service.name": f"huitou-{service}-{process}", "service.version": number})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=1000))
    _tracer = provider.get_tracer("huitou-chassis", number)
    try:
        yield
    finally:
        _tracer = None
        # A collector that does not answer must not hold up the end of the process.
        closing = threading.Thread(target=provider.shutdown, daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)


def current() -> Trace | None:
    """The context of what is done now, for what is said of it; None where nothing is traced."""
    span = None if _tracer is None else _here(_tracer)
    if span is None:
        return None
    carrier: dict[str, str] = {}
    _W3C.inject(carrier, trace.set_span_in_context(span))
    return Trace(carrier["traceparent"], carrier.get("tracestate"))


@contextmanager
def linked(name: str, causes: Iterable[Trace | None], *, kind: SpanKind = SpanKind.INTERNAL) -> Iterator[None]:
    """A span for what is done about many things at once, with links to the contexts that they came with."""
    if _tracer is None:
        yield
        return
    links = [Link(context) for cause in islice(_distinct(causes), LINKS) if (context := _read(cause)).is_valid]
    with _running(_tracer.start_span(name, _parent(_tracer), kind=kind, links=links)):
        yield


@contextmanager
def doing(name: str) -> Iterator[None]:
    """A span for a run of a job, if that does something."""
    if _tracer is None:
        yield
        return
    job = _Job(name)
    token = _job.set(job)
    try:
        yield
    except BaseException as error:
        if job.span is not None:
            job.span.set_status(StatusCode.ERROR, type(error).__name__)
        raise
    finally:
        _job.reset(token)
        if job.span is not None:
            job.span.end()


@contextmanager
def serving(method: str, headers: Iterable[tuple[bytes, bytes]]) -> Iterator[Answered]:
    """A span for a call that came in, below the caller's; told the route's pattern and the status of the answer."""
    if _tracer is None:
        yield unobserved
        return
    carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers if name.startswith(b"trace")}
    span = _tracer.start_span(method, _W3C.extract(carrier, Context()), kind=SpanKind.SERVER)

    def answered(route: str, status: int) -> None:
        span.update_name(f"{method} {route}")
        span.set_attributes({"http.request.method": method, "http.route": route, "http.response.status_code": status})
        if status >= 500:
            span.set_status(StatusCode.ERROR)

    with _running(span):
        yield answered


@contextmanager
def calling(name: str, method: str, headers: MutableMapping[str, str]) -> Iterator[None]:
    """A span for a call that goes out; its context is put into the headers."""
    if _tracer is None:
        yield
        return
    span = _tracer.start_span(f"{method} {name}", _parent(_tracer), kind=SpanKind.CLIENT)
    with _running(span):
        _W3C.inject(headers)
        yield


def _here(tracer: Tracer) -> Span | None:
    span = trace.get_current_span()
    if span.get_span_context().is_valid:
        return span
    job = _job.get()
    return None if job is None else job.begun(tracer)


def _parent(tracer: Tracer) -> Context:
    span = _here(tracer)
    return Context() if span is None else trace.set_span_in_context(span, Context())


@contextmanager
def _running(span: Span) -> Iterator[None]:
    """Marked as failed by the name of an error only: its text may hold what was in a row."""
    with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield
        except BaseException as error:
            span.set_status(StatusCode.ERROR, type(error).__name__)
            raise


def _distinct(causes: Iterable[Trace | None]) -> Iterator[Trace]:
    seen: set[Trace] = set()
    for cause in causes:
        if cause is not None and cause not in seen:
            seen.add(cause)
            yield cause


def _read(cause: Trace) -> SpanContext:
    carrier = {"traceparent": cause.parent, "tracestate": cause.state or ""}
    return trace.get_current_span(_W3C.extract(carrier, Context())).get_span_context()


def unobserved(route: str, status: int) -> None:
    """For a call that has no span."""
