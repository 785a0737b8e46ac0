"""docs/events.md and the example of the README, held against the code."""

import re
from pathlib import Path

import pytest

from huitou_events import CATALOGUE, TOPICS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")


def test_the_page_names_every_topic_with_its_publisher_and_types() -> None:
    rows = {
        row[0].split(" ")[0]: (row[1], row[2].split(", "))
        for row in re.findall(r"^\| ([a-z.]+\.[a-z]+[^|]*) \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
    }
    assert rows == {
        name: (topic.publisher, [fact.type for fact in CATALOGUE.values() if fact.topic == name])
        for name, topic in TOPICS.items()
    }


@pytest.mark.parametrize("page", ["docs/events.md", "README.md"])
def test_the_example_makes_an_event_that_can_be_sent(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    code = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0].splitlines()
    assert len(code) == 5
    names: dict[str, object] = {}
    imports = "from datetime import UTC, datetime\nfrom huitou_events import *\n"
    exec(imports + "\n".join(code[:2]) + "\nsent = event.topic, event.encode(), event.key", names)  # noqa: S102
    assert names["sent"][0] == "shop.trades"  # type: ignore[index]
