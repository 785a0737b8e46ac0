"""What can go wrong, and how it is told.

Reject                  an event that can never succeed: it becomes a dead letter
Problem                 a call that is refused: an RFC 9457 problem document
    NotFound            404 not-found
    Conflict            409 with a type of its own
    Gone                410 gone
    Invalid             422 invalid, names the field
    Unauthenticated     401 unauthenticated
    Forbidden           403 forbidden
    TooMany             429 too-many-calls, asks to come again
    Unavailable         503 unavailable, asks to come again
"""

from dataclasses import dataclass


class Reject(Exception):
    """An event that can never succeed; `reason` is a stable word, `detail` a sentence without personal data."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class FieldError:
    """One wrong field of a call: its path (`rule.all[0].within`) and what was expected."""

    field: str
    message: str


class Problem(Exception):
    """A refused call: HTTP status, stable `type`, and a sentence that says what to do."""

    def __init__(self, status: int, type: str, detail: str, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.type = type
        self.detail = detail
        self.errors = errors


class NotFound(Problem):
    def __init__(self, detail: str) -> None:
        super().__init__(404, "not-found", detail)


class Conflict(Problem):
    def __init__(self, type: str, detail: str) -> None:
        super().__init__(409, type, detail)


class Gone(Problem):
    def __init__(self, detail: str) -> None:
        super().__init__(410, "gone", detail)


class Invalid(Problem):
    def __init__(self, *, field: str, detail: str) -> None:
        super().__init__(422, "invalid", f"{field}: {detail}", (FieldError(field, detail),))


class Unauthenticated(Problem):
    def __init__(self, detail: str) -> None:
        super().__init__(401, "unauthenticated", detail)


class Forbidden(Problem):
    def __init__(self, detail: str) -> None:
        super().__init__(403, "forbidden", detail)


class TooMany(Problem):
    def __init__(self, detail: str) -> None:
        super().__init__(429, "too-many-calls", detail)


class Unavailable(Problem):
    def __init__(self, detail: str) -> None:
        super().__init__(503, "unavailable", detail)
