"""What all tests share: one thread, so that results do not depend on the machine's load, and analyses of the zoo."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch

from geta_engine.analysis.report import analysis_report
from geta_engine.trace import load

torch.set_num_threads(1)


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: tests wait for browsers, servers and runs a third of their time."""
    return (os.cpu_count() or 1) + 1


@cache
def _report(model: str) -> dict[str, Any]:
    return analysis_report(load(model), activations=True)


@pytest.fixture(scope="session")
def report() -> Callable[[str], dict[str, Any]]:
    """report("resnet20") is its analysis, weights and activations quantized."""
    return _report
