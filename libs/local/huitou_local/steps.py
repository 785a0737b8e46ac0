"""What the person at the terminal sees while something takes long."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

Say = Callable[[str], None]


class Steps:
    """One line for each step that is done, with its time; a moving line while it lasts, on a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)

    @contextmanager
    def step(self, name: str) -> Iterator[Say]:
        """Yields what tells how far the step is."""
        began = time.monotonic()
        if not self.console.is_terminal:
            self.say(f"  {name} …")
        with self.console.status(name) as status:
            yield lambda text: status.update(f"{name}: {text}")
        self.say(f"[green]✓[/] {name} [dim]{time.monotonic() - began:.1f} s[/]")

    def say(self, text: str) -> None:
        self.console.print(text, soft_wrap=True)
