"""The page that shows what the development operator has delivered."""

from collections.abc import Sequence
from html import escape

from huitou_local.operator_store import Stored

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="3"><title>Messages</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; }}
td, th {{ border-bottom: 1px solid #ddd; padding: .4rem .6rem; text-align: left; vertical-align: top; }}
td:first-child, td:nth-child(2) {{ white-space: nowrap; }}
</style></head><body>
<h1>Messages</h1>
<p>What the development telecom operator has taken, newest first. Nothing leaves this machine.</p>
<table><tr><th>taken</th><th>to</th><th>text</th><th>receipt</th></tr>{rows}</table>
</body></html>"""


def page(messages: Sequence[Stored]) -> str:
    """The messages as HTML, everything in them escaped."""
    rows = "".join(
        f"<tr><td>{escape(m.received_at[:19])}</td><td>{escape(m.recipient)}</td>"
        f"<td>{escape(m.text)}</td><td>{escape(m.status if m.due is None else 'to come')}</td></tr>"
        for m in messages
    )
    return PAGE.format(rows=rows or '<tr><td colspan="4">None so far.</td></tr>')
