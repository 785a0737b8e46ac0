"""The named groups of customers by their scores of recency and frequency: everybody with scores is in exactly one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from segment_svc.scores import Cell


@dataclass(frozen=True)
class Segment:
    """A group by two scores; `rule` finds it."""

    key: str
    name: str
    recency: tuple[int, ...]
    frequency: tuple[int, ...]

    @property
    def rule(self) -> Mapping[str, Any]:
        return {"rfm": {"recency": list(self.recency), "frequency": list(self.frequency)}}

    def size(self, cells: Iterable[Cell]) -> int:
        """How many customers of these cells are in it."""
        return sum(
            cell["customers"]
            for cell in cells
            if cell["recency"] in self.recency and cell["frequency"] in self.frequency
        )


SEGMENTS = (
    Segment("champions", "核心客户", (5,), (4, 5)),
    Segment("loyal", "忠诚客户", (3, 4), (4, 5)),
    Segment("potential-loyalists", "潜力客户", (4, 5), (2, 3)),
    Segment("new", "新近客户", (5,), (1,)),
    Segment("promising", "有望客户", (4,), (1,)),
    Segment("need-attention", "待关注客户", (3,), (3,)),
    Segment("about-to-sleep", "将沉睡客户", (3,), (1, 2)),
    Segment("cannot-lose", "重点挽回客户", (1, 2), (5,)),
    Segment("at-risk", "流失风险客户", (1, 2), (3, 4)),
    Segment("hibernating", "沉睡客户", (1, 2), (1, 2)),
)
