"""What can come of handing a message to a provider, and of asking for it later."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Sent:
    """The provider has the message, under its own id."""

    provider_id: str


@dataclass(frozen=True)
class Refused:
    """The provider will never take it."""

    reason: str


@dataclass(frozen=True)
class Busy:
    """The provider did not take it now; it may be tried again."""

    reason: str


@dataclass(frozen=True)
class Unclear:
    """Nobody knows whether the provider has it."""

    reason: str


@dataclass(frozen=True)
class Missing:
    """The provider, asked, does not know the message."""


Outcome: TypeAlias = Sent | Refused | Busy | Unclear
Finding: TypeAlias = Sent | Missing | Unclear
