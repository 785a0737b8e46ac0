"""Who says and who takes what, as a Mermaid diagram, from the services' tables of contents."""

from collections.abc import Collection, Iterator, Sequence

from huitou_chassis.service import Service
from huitou_events import CATALOGUE, TOPICS, Fact, Topic

OUTSIDE = "shop"


def mermaid(services: Sequence[Service]) -> str:
    """The diagram: publishers, topics and readers from left to right; a dotted line is watched, and nothing taken."""
    lines = ["flowchart LR", f'    {OUTSIDE}(["shop systems"])']
    lines += [f'    {service.name}["{service.name}-svc"]' for service in services]
    for topic in TOPICS.values():
        lines.append(f'    {_node(topic)}[("{topic.name}")]')
        lines += [f"    {line}" for line in _lines(topic, services)]
    return "\n".join(lines) + "\n"


def _lines(topic: Topic, services: Sequence[Service]) -> Iterator[str]:
    node = _node(topic)
    if topic.publisher == "shop":
        yield f"{OUTSIDE} --> {node}"
    for service in services:
        if said := [fact for fact in service.facts if fact.topic == topic.name]:
            yield f'{service.name} -->|"{_label(topic, said)}"| {node}'
    for service in services:
        taken = [fact for fact in service.handlers if fact.topic == topic.name]
        if taken:
            yield f'{node} -->|"{_label(topic, taken)}"| {service.name}'
        elif topic.name in service.topics:
            yield f"{node} -.-> {service.name}"


def _label(topic: Topic, facts: Collection[type[Fact]]) -> str:
    """The types in the catalogue's order, or `all` of those that the topic has."""
    types = [fact.type for fact in CATALOGUE.values() if fact.topic == topic.name]
    chosen = {fact.type for fact in facts}
    return "all" if len(chosen) == len(types) else "<br/>".join(type for type in types if type in chosen)


def _node(topic: Topic) -> str:
    return topic.name.replace(".", "_")
