"""python -m bench [--customers N] [stream|latency|due|claims …]: all benchmarks, or those named; docs/benchmarks.md."""

import argparse
import asyncio
import sys
import time

import uvloop

from bench import builds, claims, due, latency, overviews, previews, report, stream

ALL = {
    "stream": stream.main,
    "builds": builds.main,
    "latency": latency.main,
    "due": due.main,
    "previews": previews.main,
    "overviews": overviews.main,
    "claims": claims.main,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures, and writes docs/benchmarks.md.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ALL)}; all unless named")
    parser.add_argument("--customers", type=int, default=report.USUAL, help="how many the shop has")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(ALL):
        parser.error(f"no {', '.join(sorted(unknown))}; there are {', '.join(ALL)}")
    for name in asked.names or ALL:
        about = (sys.modules[ALL[name].__module__].__doc__ or "").strip()
        print(f"\n{name}: {about}", flush=True)
        lines: list[str] = []

        def say(line: str, lines: list[str] = lines) -> None:
            print(line, flush=True)
            lines.append(line)

        began = time.monotonic()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(ALL[name](say, asked.customers))
        report.write(name, about, lines, time.monotonic() - began, customers=asked.customers)


main()
