"""Texts of CSV files, whichever way a spreadsheet has written them."""

from huitou_chassis import Invalid


def decoded(body: bytes, *, expected: str) -> str:
    """UTF-8, with or without its mark, or GB 18030; Invalid with what was expected for anything else."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Invalid(field="body", detail=f"{expected} is expected")
