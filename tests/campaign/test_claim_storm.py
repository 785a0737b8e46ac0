"""Claims under load: limits hold, keys are honoured, and one call's trouble is not another's."""

import asyncio
from collections import Counter

from asyncpg import CheckViolationError

from campaign_svc.claims import Wish
from campaign_svc.desk import Asked, ClaimDesk, Outcome, Settled
from campaign_svc.verify import verify
from huitou_chassis import Problem
from tests.campaign import ask
from tests.stage import Stage
from tests.waiting import until

CLIENTS = 64


async def test_64_clients_claim_exactly_the_thousand_pieces_there_are(campaign: Stage) -> None:
    coupon_id = await ask.coupon(campaign, stock=1000, per_customer=2)
    # Each customer asks three times, twice with one key: more is asked for than there is, and than anyone may have.
    calls = [(f"c{n % 600}", f"key-{n % 1200}") for n in range(1800)]
    answers: dict[int, tuple[int, bytes]] = {}

    async def client(first: int) -> None:
        for place in range(first, len(calls), CLIENTS):
            customer, key = calls[place]
            response = await ask.claim(campaign, coupon_id, customer, key)
            answers[place] = (response.status_code, response.content)

    await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    rows = await campaign.db.pool.fetch("SELECT customer_id, claim_id, code FROM claim")
    assert len(rows) == 1000
    assert max(Counter(row["customer_id"] for row in rows).values()) <= 2
    assert len({row["code"] for row in rows}) == 1000
    assert await verify(campaign.ctx, "s1", None) == []
    assert len(await campaign.emitted()) == 1 + 1000
    assert {code for code, _ in answers.values()} == {201, 409}
    again = [await ask.claim(campaign, coupon_id, *calls[place]) for place in range(0, 1200, 40)]
    before = [answers[place] for place in range(0, 1200, 40)]
    assert [(response.status_code, response.content) for response in again if response.status_code == 201] == [
        answer for answer in before if answer[0] == 201
    ]


async def test_a_burst_for_the_last_piece_gives_it_to_one(campaign: Stage) -> None:
    coupon_id = await ask.coupon(campaign, stock=1)
    answers = await asyncio.gather(*(ask.claim(campaign, coupon_id, f"c{n}") for n in range(CLIENTS)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: CLIENTS - 1}


async def test_a_double_click_claims_once(campaign: Stage) -> None:
    coupon_id = await ask.coupon(campaign, stock=None, per_customer=1)
    answers = await asyncio.gather(*(ask.claim(campaign, coupon_id) for _ in range(CLIENTS)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: CLIENTS - 1}


async def test_two_processes_never_pass_stock_or_limit_together(campaign: Stage) -> None:
    stocked = await ask.coupon(campaign, stock=300, per_customer=2)
    unlimited = await ask.coupon(campaign, stock=None, per_customer=2)
    desks = [ClaimDesk(campaign.db), ClaimDesk(campaign.db)]
    writers = [asyncio.create_task(desk.run()) for desk in desks]
    wishes = [Wish("s1", coupon_id, f"c{n % 200}") for n in range(1000) for coupon_id in (stocked, unlimited)]
    outcomes = await asyncio.gather(
        *(outcome_of(desks[place % 3 % 2], Asked(wish)) for place, wish in enumerate(wishes))
    )
    for desk in desks:
        await desk.close()
    await asyncio.gather(*writers)
    given = Counter(
        wish.coupon_id for wish, outcome in zip(wishes, outcomes, strict=True) if isinstance(outcome, Settled)
    )
    assert given == {stocked: 300, unlimited: 400}
    refused = {outcome.type for outcome in outcomes if isinstance(outcome, Problem)}
    assert refused == {"sold-out", "limit-reached"}
    assert await verify(campaign.ctx, "s1", None) == []


async def test_one_key_has_one_answer_for_good(campaign: Stage) -> None:
    coupon_id = await ask.coupon(campaign, per_customer=None)
    answers = await asyncio.gather(*(ask.claim(campaign, coupon_id, key="k1") for _ in range(20)))
    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    await campaign.advance("400d")
    later = await ask.claim(campaign, coupon_id, key="k1")
    assert (later.status_code, later.content) == (201, answers[0].content)
    assert await campaign.db.pool.fetchval("SELECT count(*) FROM claim") == 1


async def test_a_key_with_another_body_is_refused_also_in_the_same_moment(campaign: Stage) -> None:
    coupon_id = await ask.coupon(campaign)
    answers = await asyncio.gather(
        ask.claim(campaign, coupon_id, "ada", "k1"), ask.claim(campaign, coupon_id, "bob", "k1")
    )
    assert sorted(answer.status_code for answer in answers) == [201, 422]
    refused = next(answer for answer in answers if answer.status_code == 422)
    assert refused.json()["type"] == "idempotency-key-reused"


async def test_a_refusal_may_be_tried_again_with_its_key(campaign: Stage) -> None:
    coupon_id = await ask.coupon(campaign, stock=0)
    assert (await ask.claim(campaign, coupon_id, key="k1")).status_code == 409
    await campaign.db.pool.execute("UPDATE coupon SET stock = 1")
    assert (await ask.claim(campaign, coupon_id, key="k1")).status_code == 201


async def test_refusals_in_a_batch_do_not_touch_the_others(campaign: Stage) -> None:
    coupon_id = await ask.coupon(campaign, per_customer=1)
    asked = [(coupon_id, "ada"), ("cp_none", "bob"), (coupon_id, "ada"), (coupon_id, "eve")]
    answers = await asyncio.gather(*(ask.claim(campaign, *each) for each in asked))
    assert [answer.status_code for answer in answers] == [201, 404, 409, 201]


async def test_a_client_that_goes_away_breaks_nothing_for_the_others(campaign: Stage) -> None:
    coupon_id = await ask.coupon(campaign)
    async with campaign.db.transaction() as blocking:
        await blocking.execute("SELECT 1 FROM coupon FOR UPDATE")
        gone = asyncio.create_task(ask.claim(campaign, coupon_id, "gone"))
        await until(lambda: waits_for_a_lock(campaign))
        stays = asyncio.create_task(ask.claim(campaign, coupon_id, "stays"))
        gone.cancel()
        await asyncio.wait([gone])
    assert (await stays).status_code == 201
    assert await verify(campaign.ctx, "s1", None) == []


async def test_a_batch_that_cannot_be_committed_keeps_nothing_and_asks_to_come_again(campaign: Stage) -> None:
    coupon_id = await ask.coupon(campaign)
    async with campaign.db.transaction() as blocking:
        await blocking.execute("SELECT 1 FROM coupon FOR UPDATE")
        claims = [asyncio.create_task(ask.claim(campaign, coupon_id, f"c{n}", f"k{n}")) for n in range(3)]
        await until(lambda: waits_for_a_lock(campaign))
        await campaign.administer(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        refused = [await claim for claim in claims]
    assert {answer.status_code for answer in refused} == {503}
    assert all(answer.headers["retry-after"] for answer in refused)
    assert await campaign.db.pool.fetchval("SELECT count(*) FROM claim") == 0
    assert [(await ask.claim(campaign, coupon_id, f"c{n}", f"k{n}")).status_code for n in range(3)] == [201] * 3


async def test_a_coupon_without_stock_has_no_row_that_claims_wait_for(campaign: Stage) -> None:
    coupon_id = await ask.coupon(campaign, stock=None)
    async with campaign.db.transaction() as blocking:
        await blocking.execute("SELECT 1 FROM coupon FOR UPDATE")
        assert (await ask.claim(campaign, coupon_id)).status_code == 201
    assert await campaign.db.pool.fetchval("SELECT claimed FROM coupon") == 0
    assert (await campaign.get(f"/coupons/{coupon_id}")).json()["claimed"] == 1


async def test_the_database_itself_refuses_one_claim_too_many(campaign: Stage) -> None:
    await ask.coupon(campaign, stock=1)
    checked = "UPDATE coupon SET claimed = 2"
    assert await constraint_that_stops(campaign, checked) == "never_over_issued"


async def outcome_of(desk: ClaimDesk, asked: Asked) -> Outcome:
    try:
        return await desk.ask(asked)
    except Problem as problem:
        return problem


async def waits_for_a_lock(stage: Stage) -> bool:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    return bool(await stage.administer(waiting))


async def constraint_that_stops(stage: Stage, sql: str) -> str | None:
    try:
        await stage.db.pool.execute(sql)
    except CheckViolationError as error:
        return str(error.constraint_name)
    return None
