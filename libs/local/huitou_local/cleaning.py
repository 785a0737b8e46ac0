"""`python -m huitou_local.cleaning`: removes what an installation keeps in its home, and nothing else there."""

import shutil
import sys

from huitou_local.home import Busy, Home

KEPT = (
    *("kafka", "postgres", "operator", "demo", "logs", "secrets"),
    *("clock", "endpoints.json", "lock"),
)


def main() -> None:
    home = Home.found()
    try:
        with home.locked():
            for name in KEPT:
                path = home.path / name
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    except Busy as error:
        sys.exit(f"huitou: {error}")
    # What is not ours stays, and the folder with it.
    if not any(home.path.iterdir()):
        home.path.rmdir()


if __name__ == "__main__":
    main()
