"""What an image installs: `constraints FILE` gives the pinned versions, `list FILE…` what projects need beside ours."""

import re
import sys
import tomllib
from pathlib import Path


def constraints(requirements: str) -> list[str]:
    """Constraints name no extras."""
    return [re.sub(r"\[.*?\]", "", line) for line in Path(requirements).read_text().splitlines()]


def needed(projects: list[str]) -> list[str]:
    """The requirements of these projects, without our own packages."""
    loaded = (tomllib.loads(Path(project).read_text())["project"] for project in projects)
    return sorted({text for project in loaded for text in project["dependencies"] if not text.startswith("huitou-")})


if __name__ == "__main__":
    command, *files = sys.argv[1:]
    sys.stdout.writelines(f"{line}\n" for line in (constraints(*files) if command == "constraints" else needed(files)))
