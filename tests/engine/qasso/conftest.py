from __future__ import annotations

import pytest

import geta_engine as ge
from tests.engine.qasso.small import crossed_program, small_program


@pytest.fixture(scope="session")
def small() -> ge.TracedModel:
    return small_program()


@pytest.fixture(scope="session")
def crossed() -> ge.TracedModel:
    return crossed_program()


@pytest.fixture(params=["small", "crossed"])
def program(request) -> ge.TracedModel:
    return request.getfixturevalue(request.param)
