"""See to a Chromium for the browser tests: an existing one, else Debian's package (as root)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find() -> str | None:
    """Path of a browser: $GETA_CHROMIUM, or one on PATH."""
    return os.environ.get("GETA_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def main() -> int:
    if find():
        return 0
    if os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", "chromium"], check=True)
        return 0
    print(
        "there is no Chromium here: install one, or point GETA_CHROMIUM at it, then run make test again",
        file=sys.stderr,
    )
    return 2


if __name__ == "__main__":
    sys.exit(main())
