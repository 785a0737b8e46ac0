"""What an error brings along does not stand in a log."""

import subprocess
import sys
import textwrap

import pytest

from huitou_chassis.log_masking import masked

KEY = "huitou_" + "k" * 43


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("to +8613800138000.", "to +861****8000."),
        ('{"phone": "13800138000"}', '{"phone": "138****8000"}'),
        (r"DETAIL:\n8613800138000", r"DETAIL:\n86138****8000"),
        ("(+447911123456)", "(+447****3456)"),
        ("Authorization: Bearer abc.def-_~123", "Authorization: Bearer ***"),
        (f"no key {KEY}", "no key ***"),
        ("postgresql://ada:secret@127.0.0.1:5432/x", "postgresql://ada:***@127.0.0.1:5432/x"),
    ],
)
def test_phones_keys_and_passwords_are_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "at_us 1764144000000000, timestamp 1764144000000, offset 13800",
        "0af76519-16cd-43dd-8448-eb211c80319c 2026-11-26T07:58:55.123456+00:00",
        "http://127.0.0.1:8001/v1/shops/s1 huitou_segment_worker",
        "job_13800138000a 0.13800138000 138001380001",
    ],
)
def test_numbers_that_are_none_of_these_stay(text: str) -> None:
    assert masked(text) == text


def test_an_error_that_holds_a_row_is_masked_on_its_way_to_the_log() -> None:
    code = """
        import logging, structlog
        from huitou_chassis import telemetry
        telemetry.configure_logs("tally", "worker")
        try:
            raise ValueError("Failing row contains (s1, +8613800138000).\\n13800138000")
        except ValueError:
            structlog.get_logger().exception("failed", url="postgresql://ada:secret@db/x")
            logging.getLogger("another").exception("failed, too")
        """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stderr
    assert len(said.splitlines()) == 2
    assert "ValueError" in said
    assert "13800138000" not in said
    assert "secret" not in said
