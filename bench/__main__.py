"""python -m bench [stream|latency|claims …]: every benchmark, or those that are named."""

import asyncio
import sys

import uvloop

from bench import claims, latency, stream

ALL = {"stream": stream.main, "latency": latency.main, "claims": claims.main}


def main() -> None:
    unknown = set(sys.argv[1:]) - set(ALL)
    if unknown:
        sys.exit(f"bench: no {', '.join(sorted(unknown))}; there are {', '.join(ALL)}")
    for name in sys.argv[1:] or ALL:
        print(f"\n{name}: {sys.modules[ALL[name].__module__].__doc__}", flush=True)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(ALL[name]())


main()
