"""Real analyses of the zoo, made once a session."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from geta_engine.qadg.report import analysis_report
from geta_engine.trace import load


@cache
def _report(model: str) -> dict[str, Any]:
    return analysis_report(load(model), activations=True)


@pytest.fixture(scope="session")
def report() -> Callable[[str], dict[str, Any]]:
    """report("resnet20") is its analysis, weights and activations quantized."""
    return _report
