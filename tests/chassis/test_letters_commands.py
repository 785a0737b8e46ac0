"""`huitou dead` as a person types it: what is wrong is said in a line, and nothing secret with it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from huitou_chassis import letters_commands
from tests.stage import KEY


def dead(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    """The command, on the installation of this home and nothing else."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("HUITOU_")}
    command = [sys.executable, "-m", "huitou_chassis.cli", "dead", *words]
    env |= {"HUITOU_HOME": str(home), "TERM": "dumb", "COLUMNS": "200"}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Of an installation that was killed: its addresses are there, and nobody answers."""
    nobody = dict.fromkeys(("segment", "loyalty", "campaign", "notify"), "http://127.0.0.1:9")
    endpoints = {"kafka": "127.0.0.1:9", "postgres": "postgresql://127.0.0.1:9", "api_key": KEY, **nobody}
    (tmp_path / "endpoints.json").write_text(json.dumps(endpoints))
    return tmp_path


def test_a_service_that_does_not_answer_is_named_with_its_address(home: Path) -> None:
    done = dead("list", "s1", "--service", "loyalty", home=home)
    assert done.returncode == 1
    assert done.stderr == (
        "huitou dead: loyalty does not answer at http://127.0.0.1:9/v1/shops/s1 (ConnectError); is it running?\n"
    )
    assert KEY not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("replay", "s1"), "name ids, or else a reason or a topic"),
        (("replay", "s1", "loyalty-00", "--reason", "not-json"), "name ids, or else a reason or a topic"),
        (("show", "s1", "00"), "`huitou dead list` shows the ids"),
        (("list", "s1", "--service", "billing"), "one of segment, loyalty, campaign, notify"),
        (("list", "s1", "--by-reason", "--topic", "shop.trades"), "counts are by topic and reason already"),
        (("drop", "s1", "loyalty-00"), "Missing option '--because'"),
    ],
)
def test_a_wrong_command_says_what_was_expected(words: tuple[str, ...], said: str) -> None:
    done = CliRunner(env={"TERM": "dumb", "COLUMNS": "200"}).invoke(letters_commands.app, words)
    assert done.exit_code == 2
    assert said in " ".join(done.output.replace("│", " ").split())
