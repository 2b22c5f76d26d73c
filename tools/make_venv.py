"""Make .venv with nothing but a system python3: where Debian left `venv` out, fetch its package as root."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys

OLDEST = (3, 11)


def main() -> int:
    if sys.version_info < OLDEST:
        given = ".".join(map(str, sys.version_info[:3]))
        print(
            f"this python3 is {given} and GETA Studio needs 3.11 or newer: run `make PYTHON=python3.11 ...`",
            file=sys.stderr,
        )
        return 2
    if importlib.util.find_spec("ensurepip") is None and not _install_venv():
        print(
            "python3 has no venv here: install your system's python3-venv package, then run make again", file=sys.stderr
        )
        return 2
    if not os.path.exists(".venv/bin/python"):
        subprocess.run([sys.executable, "-m", "venv", ".venv"], check=True)
    return 0


def _install_venv() -> bool:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    for command in (["update", "-qq"], ["install", "-y", "-qq", "python3-venv"]):
        subprocess.run(["apt-get", *command], check=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
