"""What `huitou` takes from the installation of the folder where it is called."""

import json
import os
from pathlib import Path

import pytest

from huitou_chassis import Clock, Settings, cli

DAY = 86_400_000_000


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of an installation that runs, with nothing else in the environment."""
    apis = dict.fromkeys(("segment", "loyalty", "campaign", "notify"), "http://127.0.0.1:9")
    endpoints = {"kafka": "127.0.0.1:9", "postgres": "postgresql://127.0.0.1:9", "api_key": "huitou_x", **apis}
    (tmp_path / "endpoints.json").write_text(json.dumps(endpoints))
    others = {name: value for name, value in os.environ.items() if not name.startswith("HUITOU_")}
    monkeypatch.setattr(os, "environ", others | {"HUITOU_HOME": str(tmp_path)})
    return tmp_path


def test_commands_for_people_go_by_the_clock_of_the_installation(home: Path) -> None:
    clock = Clock(home / "clock")
    clock.set_forward(clock.us() + 3 * DAY)
    cli._look_around()
    settings = Settings()
    assert settings.kafka == "127.0.0.1:9"
    assert clock.us() <= Clock(settings.dev_clock).us() < clock.us() + DAY


def test_an_installation_without_a_clock_of_its_own_has_that_of_the_machine(home: Path) -> None:
    cli._look_around()
    assert Settings().dev_clock is None
