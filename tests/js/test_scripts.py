"""The unit tests of the browser's scripts, run by node's own test runner."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def test_the_scripts_pass_their_unit_tests() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed, so the unit tests of the browser's scripts in tests/js did not run")
    ended = subprocess.run([node, "--test", *sorted(TESTS.glob("*.test.mjs"))], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
