"""segment-svc on its database against the naive model: members, `until`, and each skipped moment said in order."""

import itertools
import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_svc import censuses
from tests.naive import random_cases, random_rules
from tests.naive.audiences import Customer, moment
from tests.naive.effort import effort
from tests.segment.told import Step, Told
from tests.stage import Stage

CUSTOMERS = ["ada", "bo"]

_shops = (f"shop-{number}" for number in itertools.count(1))


@effort(40)
@given(data=st.data())
async def test_members_are_those_of_the_naive_model(data: st.DataObject, segment: Stage) -> None:
    segment.shop = next(_shops)
    zone = data.draw(st.sampled_from(random_cases.ZONES), "zone")
    told = Told(segment, {name: Customer([], ZoneInfo(zone)) for name in CUSTOMERS})
    # Rules are found by SQL or by a census, whichever costs less; what they find is the same.
    many = data.draw(st.sampled_from([0, censuses.MANY]), "conditions of a census")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(censuses, "MANY", many)
        await told.zone(zone)
        for step in data.draw(scripts(segment.shop, moment(segment.clock.at)), "steps"):
            # No two steps at one moment, so that the order of what they cause is plain.
            segment.clock.at += 1
            await told.take(step)
            if data.draw(st.booleans(), "look now"):
                await told.compare()
        await told.compare()


@st.composite
def scripts(draw: st.DrawFn, shop: str, anchor: datetime) -> list[Step]:
    """Batches of events, audiences, tags, erasures, time zones and moves of the clock, in any order."""
    histories = [draw(random_cases.histories(name, anchor, shop=shop)) for name in CUSTOMERS]
    batches = draw(random_cases.arrivals(list(itertools.chain(*histories))))
    tags = st.tuples(st.sampled_from(CUSTOMERS), st.sampled_from(random_cases.TAGS), st.booleans())
    first, again = random_rules.rules(anchor), random_rules.rules(anchor)
    audiences = [("first", draw(first)), ("second", draw(random_rules.rules(anchor, audiences=["first"])))]
    # A tag's rule that read tags might read itself, which is refused.
    kept = random_rules.rules(anchor).filter(lambda rule: '"tag"' not in json.dumps(rule))
    others = st.one_of(
        st.tuples(st.just("move"), random_cases.times(anchor)),
        st.tuples(st.just("move"), random_cases.times(anchor)),
        st.tuples(st.just("tag"), tags),
        st.tuples(st.just("keep"), st.tuples(st.sampled_from(random_cases.TAGS), kept)),
        st.tuples(st.just("zone"), st.sampled_from(random_cases.ZONES)),
        st.tuples(st.just("erase"), st.sampled_from(CUSTOMERS)),
        st.tuples(st.just("drop"), st.just("second")),
        st.tuples(st.just("build"), st.integers(1, 3)),
        st.tuples(st.just("audience"), st.tuples(st.sampled_from(["first", "second"]), again)),
    )
    steps = [*(("deliver", batch) for batch in batches), *(("audience", None) for _ in audiences)]
    steps = draw(st.permutations([*steps, *draw(st.lists(others, max_size=4))]))
    named = iter(audiences)
    # The second audience may name the first, so that one has to be there before.
    return [(kind, next(named)) if kind == "audience" and what is None else (kind, what) for kind, what in steps]
