"""What an image installs: `constraints FILE…` for pinned versions, `list FILE…` for what projects need beside ours."""

import re
import sys
import tomllib
from pathlib import Path


def constraints(files: list[str]) -> list[str]:
    """Constraints name no extras."""
    return [re.sub(r"\[.*?\]", "", line) for name in files for line in Path(name).read_text().splitlines()]


def needed(projects: list[str]) -> list[str]:
    """The requirements of these projects, with those of their extras and without our own packages."""
    loaded = [tomllib.loads(Path(project).read_text())["project"] for project in projects]
    extras = [group for project in loaded for group in project.get("optional-dependencies", {}).values()]
    groups = [*(project["dependencies"] for project in loaded), *extras]
    return sorted({text for group in groups for text in group if not text.startswith("huitou-")})


if __name__ == "__main__":
    command, *files = sys.argv[1:]
    sys.stdout.writelines(f"{line}\n" for line in (constraints(files) if command == "constraints" else needed(files)))
