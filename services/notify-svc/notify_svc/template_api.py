"""Calls about templates: listing, writing, review, and test messages."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from huitou_chassis import Model, Page, Paged, Router, ShopId, Text, Transaction
from huitou_events import moment
from notify_svc import templates, texts, trials
from notify_svc.parts import measure
from notify_svc.templates import State, Template

router = Router(tags=["templates"])


class TemplateIn(Model):
    """`text` is Liquid, e.g. `{{ name | default: "there" }}`; signature and opt-out are added when it is sent."""

    name: Text
    text: Annotated[str, StringConstraints(min_length=1, max_length=texts.LONGEST_TEXT)]


class Parts(Model):
    """SMS parts of the bare text, as counted in China and elsewhere."""

    china: int
    elsewhere: int


class TemplateOut(Model):
    """`variables` are those that a plan must bring along; `reason` is why it was rejected."""

    id: str
    name: str
    text: str
    state: State
    official: bool
    reason: str | None
    variables: list[str]
    parts: Parts
    created_at: datetime | None


@router.get("/templates")
async def list_templates(shop: ShopId, page: Page, tx: Transaction) -> Paged[TemplateOut]:
    """Official and own templates, by id."""
    after = page.key(str)
    found = await templates.listed(tx, shop, after=after[0] if after else "", limit=page.limit + 1)
    language = (await tx.shops([shop]))[shop].language
    return page.answer(found, key=lambda template: [template.id], item=lambda template: shown(template, language))


@router.get("/templates/{template_id}")
async def get_template(template_id: str, shop: ShopId, tx: Transaction) -> TemplateOut:
    return await answer(tx, shop, await templates.get(tx, shop, template_id))


@router.post("/templates", status_code=201)
async def create_template(body: TemplateIn, shop: ShopId, tx: Transaction) -> TemplateOut:
    """A draft, to be submitted for review."""
    return await answer(tx, shop, await templates.create(tx, shop, name=body.name, text=body.text))


@router.post("/templates/{template_id}/submit")
async def submit_template(template_id: str, shop: ShopId, tx: Transaction) -> TemplateOut:
    moved = await templates.move(tx, shop, template_id, to="submitted", allowed=("draft", "rejected"))
    return await answer(tx, shop, moved)


@router.post("/templates/{template_id}/approve")
async def approve_template(template_id: str, shop: ShopId, tx: Transaction) -> TemplateOut:
    moved = await templates.move(tx, shop, template_id, to="approved", allowed=("submitted",))
    return await answer(tx, shop, moved)


class Rejection(Model):
    reason: Text


@router.post("/templates/{template_id}/reject")
async def reject_template(template_id: str, body: Rejection, shop: ShopId, tx: Transaction) -> TemplateOut:
    moved = await templates.move(tx, shop, template_id, to="rejected", allowed=("submitted",), reason=body.reason)
    return await answer(tx, shop, moved)


class TestIn(Model):
    """A phone in E.164 (or of China without its code), and values for the template's variables."""

    phone: Annotated[str, StringConstraints(min_length=5, max_length=24)]
    variables: dict[Text, Text] = Field(default_factory=dict)


class TestOut(Model):
    """The text as it will arrive, and the parts that it takes; GET /deliveries/{job_id} tells what became of it."""

    job_id: str
    text: str
    parts: int


@router.post("/templates/{template_id}/test", status_code=202)
async def send_test(template_id: str, body: TestIn, shop: ShopId, tx: Transaction) -> TestOut:
    """Sends the template to one phone, at once."""
    template = await templates.get(tx, shop, template_id)
    job_id, written = await trials.send(tx, shop, template, body.phone, body.variables)
    return TestOut(job_id=job_id, text=written.text, parts=written.length.parts)


async def answer(tx: Transaction, shop: str, template: Template) -> TemplateOut:
    return shown(template, (await tx.shops([shop]))[shop].language)


def shown(template: Template, language: str) -> TemplateOut:
    text = template.in_language(language)
    return TemplateOut(
        id=template.id,
        name=template.name,
        text=text,
        state=template.state,
        official=template.official,
        reason=template.reason,
        variables=texts.variables(text),
        parts=Parts(china=measure(text, china=True).parts, elsewhere=measure(text, china=False).parts),
        created_at=moment(template.created_us) if template.created_us else None,
    )
