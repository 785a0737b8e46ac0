"""python -m bench [stream|latency|claims …]: every benchmark, or those that are named, into docs/benchmarks.md."""

import asyncio
import sys
import time

import uvloop

from bench import claims, latency, report, stream

ALL = {"stream": stream.main, "latency": latency.main, "claims": claims.main}


def main() -> None:
    unknown = set(sys.argv[1:]) - set(ALL)
    if unknown:
        sys.exit(f"bench: no {', '.join(sorted(unknown))}; there are {', '.join(ALL)}")
    for name in sys.argv[1:] or ALL:
        about = (sys.modules[ALL[name].__module__].__doc__ or "").strip()
        print(f"\n{name}: {about}", flush=True)
        lines: list[str] = []

        def say(line: str, lines: list[str] = lines) -> None:
            print(line, flush=True)
            lines.append(line)

        began = time.monotonic()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(ALL[name](say))
        report.write(name, about, lines, time.monotonic() - began)


main()
