"""What the repository held earlier."""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def git(*words: str) -> bytes:
    """What git says about this repository; skips where it cannot."""
    try:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=True).stdout
    except FileNotFoundError:
        pytest.skip("git is not there: nothing is held against an earlier commit")
    except subprocess.CalledProcessError as error:
        why = error.stderr.decode().strip().splitlines()[:1] or ["no reason told"]
        pytest.skip(f"no earlier commit is here, as in a shallow clone: nothing is held against one ({why[0]})")


def archive(commit: str, *paths: str) -> tarfile.TarFile:
    """The files of a commit; all, or those under the paths."""
    return tarfile.open(fileobj=io.BytesIO(git("archive", commit, *paths)))
