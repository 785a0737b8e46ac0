"""Traces lead from what comes in to what goes out, say nothing of whom, and cost nothing where they are not wanted."""

import asyncio
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
import pytest

from huitou_chassis import Context, Job, Router, ShopId, Transaction, http, jobs, outgoing, tracing
from huitou_events import MemberJoined, Trace
from huitou_local import ports
from tests import make
from tests.chassis.test_telemetry import value
from tests.collector import Collector, collecting
from tests.stage import Stage

FIRST = Trace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
SECOND = Trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as opened:
        yield opened


def place(trace: Trace | None) -> tuple[str, str]:
    assert trace is not None
    _, trace_id, span_id, _ = trace.parent.split("-")
    return trace_id, span_id


async def test_a_batch_is_one_span_that_links_to_what_it_takes_and_is_in_what_it_says(
    tally: Stage, collector: Collector
) -> None:
    with tracing.exported("tally", "worker", collector.url):
        await tally.deliver(
            replace(make.completed(trade="t1"), trace=FIRST),
            replace(make.completed(trade="t2"), trace=SECOND),
            replace(make.completed(trade="t3"), trace=FIRST),
            make.completed(trade="t4"),
        )
    (span,) = collector.spans
    assert (span.process, span.name) == ("huitou-tally-worker", "tally batch")
    assert span.links == {place(FIRST), place(SECOND)}
    assert {place(event.trace) for event in await tally.emitted()} == {span.at}


async def test_a_batch_of_very_many_contexts_has_128_links(tally: Stage, collector: Collector) -> None:
    traces = [Trace(f"00-{number:032x}-b7ad6b7169203331-01") for number in range(1, 301)]
    with tracing.exported("tally", "worker", collector.url):
        await tally.deliver(*(replace(make.completed(trade=trace.parent), trace=trace) for trace in traces))
    (span,) = collector.spans
    assert len(span.links) == 128


async def test_the_same_event_published_again_in_another_trace_counts_once(tally: Stage) -> None:
    event = make.completed(id="e1")
    await tally.deliver(replace(event, trace=FIRST), replace(event, trace=SECOND))
    await tally.deliver(event, replace(event, trace=SECOND))
    assert await tally.dead() == []
    (said,) = await tally.emitted()
    await tally.db.pool.execute("DELETE FROM inbox")
    await tally.deliver(replace(event, trace=SECOND))
    (again,) = await tally.emitted()
    assert said.id == again.id


async def test_a_process_that_does_not_trace_hands_the_context_on(tally: Stage) -> None:
    await tally.deliver(replace(make.completed(trade="t1"), trace=FIRST), make.completed(trade="t2"))
    assert [event.trace for event in await tally.emitted()] == [FIRST, None]


async def test_a_call_is_a_span_below_its_callers_and_names_the_route_only(tally: Stage, collector: Collector) -> None:
    with tracing.exported("tally", "api", collector.url):
        body = {"customer_id": "secret-customer"}
        await tally.post("/tallies?who=secret-query", json=body, headers={"traceparent": FIRST.parent})
        await tally.get("/nothing/secret-path")
        await tally.client.get("/healthz")
    called, unknown = collector.spans
    assert (called.name, called.parent) == ("POST /tallies", place(FIRST))
    assert (unknown.name, unknown.parent) == ("GET none", None)
    assert not any("secret" in span.text for span in collector.spans)


async def test_a_call_to_another_takes_the_context_along(collector: Collector) -> None:
    told: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.append(self.headers["traceparent"])
            self.send_response(204)
            self.end_headers()

    exported = tracing.exported("tally", "worker", collector.url)
    with _serving(Handler) as url, exported, tracing.linked("messages", [FIRST]):
        async with outgoing.Client(timeout=5) as client:
            await client.get(url, extensions=outgoing.to("operator"))
    call, messages = collector.named("GET operator")[0], collector.named("messages")[0]
    assert [place(Trace(parent)) for parent in told] == [call.at]
    assert call.parent == messages.at
    assert place(FIRST) in collector.origins(call)


async def test_a_job_has_a_span_only_when_it_says_something(tally: Stage, collector: Collector) -> None:
    async def idle(ctx: Context) -> bool:
        async with ctx.db.transaction() as tx:
            await tx.fetchval("SELECT 1")
        return False

    async def busy(ctx: Context) -> bool:
        async with ctx.db.transaction() as tx:
            for name in ("ada", "bob"):
                tx.emit(MemberJoined(customer_id=name, tier="t"), shop="s1", because=name)
        return False

    with tracing.exported("tally", "worker", collector.url):
        for name, run in (("idle", idle), ("busy", busy)):
            await _once(tally.ctx, Job(name, run, every=60))
    (span,) = collector.spans
    assert span.name == "tally busy"
    assert [place(event.trace) for event in await tally.emitted()] == [span.at, span.at]


async def test_an_error_is_marked_without_its_text(tally: Stage, collector: Collector) -> None:
    async def fail(events: list[Any], tx: Any) -> None:
        raise RuntimeError("phone +8613000000001")

    tally.ctx.service = replace(tally.ctx.service, consumes=dict.fromkeys(tally.ctx.service.consumes, fail))
    with tracing.exported("tally", "worker", collector.url), pytest.raises(RuntimeError):
        await tally.deliver(make.completed())
    (span,) = collector.spans
    assert "STATUS_CODE_ERROR" in span.text
    assert "RuntimeError" in span.text
    assert "13000000001" not in span.text


async def test_a_call_that_fails_is_a_500_in_trace_and_metrics(tally: Stage, collector: Collector) -> None:
    router = Router()

    @router.get("/broken")
    async def broken(shop: ShopId, tx: Transaction) -> None:
        raise RuntimeError("nobody answers this")

    tally.api.service = replace(tally.api.service, routers=[router])
    transport = httpx2.ASGITransport(app=http.application(tally.api), raise_app_exceptions=False)
    with tracing.exported("tally", "api", collector.url):
        async with httpx2.AsyncClient(transport=transport, base_url="http://t", headers=tally.client.headers) as client:
            assert (await client.get("/v1/shops/s1/broken")).status_code == 500
    assert value("huitou_request_seconds_count", method="GET", route="/broken", status="500") == 1
    assert "STATUS_CODE_ERROR" in collector.spans[0].text


def test_the_end_does_not_wait_for_a_collector_that_is_away() -> None:
    code = f"""
        import time
        from huitou_chassis import tracing
        with tracing.exported("tally", "worker", "http://127.0.0.1:{ports.free()}"):
            with tracing.linked("x", []):
                pass
            began = time.monotonic()
        assert time.monotonic() - began < 4
        """
    assert _python(code).returncode == 0


def test_without_an_endpoint_nothing_is_loaded_and_none_is_needed() -> None:
    code = """
        import sys
        sys.modules["opentelemetry.sdk"] = sys.modules["opentelemetry.exporter"] = None
        from importlib.metadata import entry_points
        from huitou_chassis import process, tracing
        services = [plugin.load() for plugin in entry_points(group="huitou.services")]
        with tracing.exported("tally", "worker", ""):
            assert tracing.current() is None
        assert not [name for name in sys.modules if name.startswith("opentelemetry.sdk.")]
        """
    done = _python(code)
    assert done.returncode == 0, done.stderr
    done = _python(code.replace('"worker", ""', '"worker", "http://127.0.0.1:4318"'))
    assert "pip install 'huitou-chassis[tracing]'" in done.stderr


def _python(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def _once(ctx: Context, job: Job) -> None:
    """As a worker runs it, until it has ended once."""
    leads, stop, ran = asyncio.Event(), asyncio.Event(), job.run

    async def run(ctx: Context) -> bool:
        stop.set()
        return await ran(ctx)

    leads.set()
    await jobs.run(ctx, replace(job, run=run), leads, stop)
