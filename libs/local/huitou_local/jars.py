"""Kafka's own jars, fetched once from their Maven coordinates and shared by every home of this user."""

import fcntl
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

VERSION = "4.3.0"
BROKER = f"org.apache.kafka:kafka_2.13:{VERSION}"
# What the broker logs through; without it, it says nothing. Of the version of log4j that the broker brings.
BINDING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"
RUNTIME = (None, "compile", "runtime")
AT_ONCE = 8

Progress = Callable[[int, int], None]


def folder(fallback: Path, progress: Progress | None = None) -> Path:
    """The folder of the jars, whole: in jgo's cache, or under `fallback` where that can't be written.

    `progress` is told how many jars of how many are there. The first call takes some 10 s and the network.
    """
    place = writable(cache(), fallback) / f"kafka-{VERSION}"
    if not place.exists():
        with alone(place.parent / f"{place.name}.lock"):
            # Another process may have fetched them while this one waited.
            if not place.exists():
                fetch(place, progress or (lambda done, total: None))
    return place


def cache() -> Path:
    from jgo.constants import default_jgo_cache

    return Path(default_jgo_cache()) / "huitou"


def writable(wanted: Path, fallback: Path) -> Path:
    try:
        wanted.mkdir(parents=True, exist_ok=True)
        if os.access(wanted, os.W_OK):
            return wanted
    except OSError:
        logging.getLogger(__name__).info("no cache at %s, keeping Kafka in %s", wanted, fallback)
    fallback.mkdir(parents=True, exist_ok=True)
    return fallback


@contextmanager
def alone(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def fetch(place: Path, progress: Progress) -> None:
    """Everything into a folder beside it, renamed when complete, so that nothing is ever half there."""
    # A Maven repository of its own: half a jar of somebody's interrupted download would be taken for whole.
    from jgo.maven import MavenContext
    from jgo.parse import Coordinate

    with tempfile.TemporaryDirectory(dir=place.parent, prefix="fetching-") as name:
        repository, whole = Path(name, "repository"), Path(name, "whole")
        context = MavenContext(repo_cache=repository)
        broker, binding = (context.create_dependency(Coordinate.parse(text)) for text in (BROKER, BINDING))
        # Together the binding's choice of versions would win over the broker's.
        given, needed = context.resolver.resolve([broker])
        artifacts = [one.artifact for one in [*given, *needed] if one.scope in RUNTIME] + [binding.artifact]
        whole.mkdir()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for done, path in enumerate(pool.map(lambda artifact: artifact.resolve(), artifacts), 1):
                shutil.move(path, whole / path.name)
                progress(done, len(artifacts))
        whole.rename(place)
