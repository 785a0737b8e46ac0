"""The home of an installation: one supervisor, secrets for its owner only, removed without touching the rest."""

import json
from pathlib import Path

import pytest

from huitou_local import cleaning
from huitou_local.home import Busy, Home


def test_a_second_supervisor_is_refused(tmp_path: Path) -> None:
    with Home(tmp_path).locked(), pytest.raises(Busy, match="in use by process"), Home(tmp_path).locked():
        pass


def test_a_secret_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    secret = Home(tmp_path / "home").secret("api_key")
    assert Home(tmp_path / "home").secret("api_key") == secret
    assert (tmp_path / "home" / "secrets" / "api_key").stat().st_mode & 0o077 == 0
    assert (tmp_path / "home").stat().st_mode & 0o077 == 0


def test_addresses_are_announced_for_as_long_as_they_hold(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.announced({"kafka": "127.0.0.1:9092"}):
        assert json.loads(home.endpoints.read_text()) == {"kafka": "127.0.0.1:9092"}
    assert not home.endpoints.exists()


def test_addresses_of_a_killed_supervisor_hold_no_longer(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.endpoints.write_text("{}")
    with home.locked():
        assert not home.endpoints.exists()


def test_cleaning_leaves_what_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUITOU_HOME", str(tmp_path))
    Home(tmp_path).secret("api_key")
    (tmp_path / "letters").write_text("to ada")
    cleaning.main()
    assert [path.name for path in tmp_path.iterdir()] == ["letters"]


def test_cleaning_refuses_a_home_that_is_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUITOU_HOME", str(tmp_path))
    home = Home(tmp_path)
    home.secret("api_key")
    with home.locked(), pytest.raises(SystemExit, match="in use"):
        cleaning.main()
    assert (tmp_path / "secrets" / "api_key").exists()
