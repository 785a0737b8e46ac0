"""files of customers -> parts -> tags; tags that are no more -> off everybody, in parts"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from huitou_chassis import Context, NotFound, Tx
from segment_svc import roster, tag_definitions, tags
from segment_svc.tag_files import Customers

PART = 2000
State: TypeAlias = Literal["running", "done", "stopped"]


@dataclass(frozen=True)
class TagJob:
    """A file that is worked off: of `total` customers `done` were looked at and `changed` have the tag on, or off.

    `bad_lines` are the first of the file's `bad` lines, each with its number and what is wrong.
    """

    id: str
    tag: str
    present: bool
    state: State
    created: int
    lines: int
    total: int
    done: int
    changed: int
    bad: int
    bad_lines: Sequence[tuple[int, str]]


async def create(tx: Tx, shop: str, tag: str, found: Customers, *, present: bool, by: str) -> TagJob:
    """The file is worked off from now on; Conflict for a tag that is ending or that a rule keeps."""
    there = (await roster.hold(tx, [shop]))[shop]
    await tag_definitions.check_open(tx, there, tag)
    job = f"job_{secrets.token_hex(8)}"
    await tx.execute(
        """
        INSERT INTO tag_job (shop_id, job_id, tag, present, put_by, created_us, state, lines, total, bad, bad_lines)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        """,
        shop,
        job,
        tag,
        present,
        by,
        tx.us,
        "running" if found.ids else "done",
        found.lines,
        len(found.ids),
        found.bad,
        found.bad_lines,
    )
    parts = [found.ids[start : start + PART] for start in range(0, len(found.ids), PART)]
    await tx.executemany(
        "INSERT INTO tag_job_part (shop_id, job_id, number, customers) VALUES ($1, $2, $3, $4)",
        [(shop, job, number, part) for number, part in enumerate(parts)],
    )
    return await get(tx, shop, job)


async def get(tx: Tx, shop: str, job: str) -> TagJob:
    """The job; NotFound if there is none."""
    row = await tx.fetchrow(
        """
        SELECT job_id, tag, present, state, created_us, lines, total, done, changed, bad, bad_lines
        FROM tag_job WHERE shop_id = $1 AND job_id = $2
        """,
        shop,
        job,
    )
    if row is None:
        raise NotFound(f"no job {job!r} for tags")
    return TagJob(*row)


async def advance(ctx: Context) -> bool:
    """One part of one file, and of one tag that is no more; True if there was any."""
    async with ctx.db.transaction() as tx:
        # By number first, so that a large file holds up no small one.
        part = await tx.fetchrow(
            "SELECT shop_id, job_id, number FROM tag_job_part ORDER BY number, shop_id, job_id LIMIT 1"
        )
        if part is not None:
            await _work_off(tx, *part)
    async with ctx.db.transaction() as tx:
        ending = await tx.fetchrow("SELECT shop_id, tag FROM tag_definition WHERE ending ORDER BY shop_id, tag LIMIT 1")
        if ending is not None:
            await _let_go(tx, *ending)
    return part is not None or ending is not None


async def _work_off(tx: Tx, shop: str, job: str, number: int) -> None:
    there = (await roster.hold(tx, [shop]))[shop]
    ids: list[str] | None = await tx.fetchval(
        "DELETE FROM tag_job_part WHERE shop_id = $1 AND job_id = $2 AND number = $3 RETURNING customers",
        shop,
        job,
        number,
    )
    if ids is None:
        return
    row: Any = await tx.fetchrow(
        "SELECT tag, present, put_by, created_us FROM tag_job WHERE shop_id = $1 AND job_id = $2", shop, job
    )
    tag, present, by, created = row
    if not await tag_definitions.is_open(tx, there, tag):
        await _stop(tx, shop, job)
        return
    if present:
        changed = await tags.put(tx, shop, tag, ids, by=by, how="file", asked=created)
    else:
        changed = await tags.take_off(tx, shop, tag, ids)
    await tx.execute(
        """
        UPDATE tag_job
        SET done = done + $3, changed = changed + $4, state = CASE WHEN done + $3 = total THEN 'done' ELSE state END
        WHERE shop_id = $1 AND job_id = $2
        """,
        shop,
        job,
        len(ids),
        changed,
    )


async def _stop(tx: Tx, shop: str, job: str) -> None:
    await tx.execute("DELETE FROM tag_job_part WHERE shop_id = $1 AND job_id = $2", shop, job)
    await tx.execute("UPDATE tag_job SET state = 'stopped' WHERE shop_id = $1 AND job_id = $2", shop, job)


async def _let_go(tx: Tx, shop: str, tag: str) -> None:
    """The tag off the next customers who have it; after the last one nothing is left of it."""
    await roster.hold(tx, [shop])
    rows = await tags.by_hand(tx, shop, tag, after="", limit=PART)
    if rows:
        await tags.take_off(tx, shop, tag, [row.customer for row in rows])
    else:
        await tx.execute("DELETE FROM tag_definition WHERE shop_id = $1 AND tag = $2 AND ending", shop, tag)
