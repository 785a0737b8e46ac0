"""What tags there are, who has them since when and by whose doing, and how one ends."""

from huitou_chassis import keys
from huitou_events import CustomerErased
from segment_svc import tag_jobs, verify
from tests import make
from tests.make import NOW, SHOP
from tests.segment.audience import after, create, members, moment
from tests.stage import Stage

TAG = "七夕活动招募会员"


async def counts(segment: Stage) -> dict[str, int]:
    """By tag on how many customers it is said to be; the rows themselves say the same."""
    items = (await segment.get("/tags")).json()["items"]
    assert await verify.verify(segment.ctx, SHOP, None) == []
    return {item["tag"]: item["customers"] for item in items}


async def test_a_tag_says_since_when_it_is_on_by_whose_key_and_how(segment: Stage, postgres: str) -> None:
    _, key = await keys.create(postgres, name="Lin at the desk", role="operator", shops=["s1"])
    await segment.put(f"/customers/ada/tags/{TAG}", headers={"Authorization": f"Bearer {key}"})
    await segment.advance("1h")
    await segment.post("/tags/vip/customers", json={"customers": ["ada"]})
    await segment.put("/customers/ada/tags/vip")
    found = (await segment.get("/customers/ada")).json()
    assert found["tags"] == ["vip", TAG]
    assert [(one["tag"], moment(one["at"]), one["by"], one["how"]) for one in found["tagged"]] == [
        ("vip", after(hours=1), "installation", "bulk"),
        (TAG, NOW, "Lin at the desk", "hand"),
    ]
    listed = (await segment.get(f"/tags/{TAG}/customers")).json()["items"]
    assert listed == [{"customer_id": "ada", "at": "2026-11-02T04:00:00Z", "by": "Lin at the desk", "how": "hand"}]


async def test_a_tag_is_defined_by_its_first_use_and_described_by_call(segment: Stage) -> None:
    await segment.put("/customers/ada/tags/vip")
    body = {"description": "who is asked first", "colour": "#ff8800"}
    answer = await segment.put("/tags/vip", json=body)
    assert answer.status_code == 200
    assert answer.json() == body | {
        "tag": "vip",
        "rule": None,
        "customers": 1,
        "state": "live",
        "created_at": "2026-11-02T04:00:00Z",
    }
    assert (await segment.put("/tags/later", json={})).json()["customers"] == 0
    assert [item["tag"] for item in (await segment.get("/tags")).json()["items"]] == ["later", "vip"]
    assert (await segment.get("/tags/never")).status_code == 404
    assert "colour" in (await segment.put("/tags/vip", json={"colour": "red"})).text


async def test_a_tag_counts_its_customers_whatever_happens_to_them(segment: Stage) -> None:
    await segment.post("/tags/vip/customers", json={"customers": ["ada", "bo", "cy", "dee"]})
    await segment.put("/customers/ada/tags/old")
    await segment.delete("/customers/bo/tags/vip")
    answer = await segment.post("/tags/vip/removals", json={"customers": ["bo", "cy", "nobody"]})
    assert answer.json() == {"removed": 1}
    assert await counts(segment) == {"vip": 2, "old": 1}
    await segment.advance("1h")
    await segment.deliver(make.event(CustomerErased(customer_id="ada"), time=after(hours=1)))
    assert await counts(segment) == {"vip": 1, "old": 0}
    assert (await segment.post("/tags/never/removals", json={"customers": ["bo"]})).status_code == 404


async def test_a_tag_that_ends_is_taken_off_everybody_and_may_begin_anew(segment: Stage) -> None:
    names = [f"c{number:04}" for number in range(tag_jobs.PART + 5)]
    await segment.post("/tags/vip/customers", json={"customers": names})
    assert (await segment.delete("/tags/vip")).status_code == 204
    assert (await segment.get("/tags/vip")).json()["state"] == "ending"
    answer = await segment.put("/customers/ada/tags/vip")
    assert (answer.status_code, answer.json()["type"]) == (409, "ending")
    await segment.settle()
    assert (await segment.get("/tags/vip")).status_code == 404
    assert await segment.db.pool.fetchval("SELECT count(*) FROM tag") == 0
    assert (await segment.put("/customers/ada/tags/vip")).status_code == 204
    assert await counts(segment) == {"vip": 1}


async def test_a_tag_that_an_audience_reads_cannot_end(segment: Stage) -> None:
    await segment.put("/customers/ada/tags/vip")
    audience = await create(segment, {"not": {"tag": "vip"}})
    answer = await segment.delete("/tags/vip")
    assert (answer.status_code, answer.json()["type"]) == (409, "in-use")
    assert audience in answer.json()["detail"]
    assert await members(segment, audience) == []
    await segment.delete(f"/audiences/{audience}")
    assert (await segment.delete("/tags/vip")).status_code == 204


async def test_a_group_by_hand_is_an_audience_of_its_own_tag(segment: Stage) -> None:
    body = {"name": "老客户群", "customers": ["ada", "bo"]}
    made = (await segment.post("/groups", json=body)).json()
    await segment.settle()
    assert made["tag"] == "老客户群"
    assert await members(segment, made["audience_id"]) == ["ada", "bo"]
    await segment.delete("/customers/bo/tags/老客户群")
    await segment.put("/customers/cy/tags/老客户群")
    assert await members(segment, made["audience_id"]) == ["ada", "cy"]
    answer = await segment.post("/groups", json=body)
    assert (answer.status_code, answer.json()["type"]) == (409, "name-taken")
