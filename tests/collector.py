"""A collector of traces that keeps what it is sent: OTLP over HTTP, as a real one takes it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Seen:
    """A span as it arrived; `links` and `parent` are (trace id, span id) in hexadecimal."""

    process: str
    name: str
    at: tuple[str, str]
    parent: tuple[str, str] | None
    links: frozenset[tuple[str, str]]
    text: str = field(repr=False)


class Collector:
    """What came so far; `url` is for HUITOU_OTLP."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.spans: list[Seen] = []

    def named(self, name: str) -> list[Seen]:
        return [span for span in self.spans if span.name == name]

    def take(self, body: bytes) -> None:
        for sent in ExportTraceServiceRequest.FromString(body).resource_spans:
            about = {one.key: one.value.string_value for one in sent.resource.attributes}
            for scope in sent.scope_spans:
                for span in scope.spans:
                    at = (span.trace_id.hex(), span.span_id.hex())
                    parent = (at[0], span.parent_span_id.hex()) if span.parent_span_id else None
                    links = frozenset((link.trace_id.hex(), link.span_id.hex()) for link in span.links)
                    self.spans.append(Seen(about["service.name"], span.name, at, parent, links, f"{about} {span}"))

    def origins(self, span: Seen) -> set[tuple[str, str]]:
        """Every context that the span leads back to, over parents and links."""
        known = {one.at: one for one in self.spans}
        found: set[tuple[str, str]] = set()
        waiting = [span.at]
        while waiting:
            one = known.get(waiting.pop())
            causes = set() if one is None else one.links | ({one.parent} if one.parent else set())
            waiting += causes - found
            found |= causes
        return found


@contextmanager
def collecting() -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.take(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
