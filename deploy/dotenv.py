"""Writes .env from deploy/env.example, each empty secret filled in; an .env that is there is left alone."""

import os
import re
import secrets
import sys
from pathlib import Path

SECRET = re.compile(r"^(\w+_(?:PASSWORD|SECRET|KEY|TOKEN))=$", re.MULTILINE)


def main() -> None:
    example, target = Path(__file__).with_name("env.example"), Path(sys.argv[1])
    text = SECRET.sub(lambda found: f"{found[1]}={secrets.token_hex(24)}", example.read_text())
    try:
        file = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        sys.exit(f"{target} is there already and is left as it is")
    with os.fdopen(file, "w") as output:
        output.write(text)


if __name__ == "__main__":
    main()
