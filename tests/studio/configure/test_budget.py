"""A budget as it is typed, both ways, and what is said of one that is too small."""

from __future__ import annotations

import pytest

from geta_engine.config import RunConfig
from geta_engine.errors import InputError
from geta_studio.configure.budget import Budget, budget_text, parse_budget, shortfall
from geta_studio.configure.estimate import Estimate
from geta_studio.shell.format import percent, size


@pytest.mark.parametrize(
    ("typed", "budget"),
    [
        ("1.2 %", Budget(bops=0.012)),
        ("1,2%", Budget(bops=0.012)),
        (" 100% ", Budget(bops=1.0)),
        ("37 kB", Budget(bytes=37_000)),
        ("0.5MB", Budget(bytes=500_000)),
        ("800 bytes", Budget(bytes=800)),
        ("37,000 bytes", Budget(bytes=37_000)),
        (".5 %", Budget(bops=0.005)),
        ("", Budget()),
        (None, Budget()),
    ],
)
def test_what_people_type_is_read(typed: str | None, budget: Budget) -> None:
    assert parse_budget(typed) == pytest.approx(budget)


@pytest.mark.parametrize(
    "typed", ["1.2", "0 %", "101 %", "-3 kB", "0 kB", "many", "1 parsec", "%", "1e400 %", "1e400 bytes", "nan %"]
)
def test_what_is_no_budget_is_said_with_what_is(typed: str) -> None:
    with pytest.raises(InputError, match=r"budget was given as .* such as 1.2 %, a size such as 37 kB"):
        parse_budget(typed)


@pytest.mark.parametrize("fields", [{"bops": 0.0125}, {"bops": 0.0123456789}, {"bytes": 36_999}, {}])
def test_a_file_comes_back_as_it_was(fields: dict[str, float]) -> None:
    config = RunConfig(model="mlp", **fields)
    assert parse_budget(budget_text(config)) == pytest.approx(Budget(config.bops, config.bytes))


def test_less_than_the_lower_bounds_need_is_said() -> None:
    least = Estimate((0.01, 0.04), (24_000.0, 44_000.0), 160_000.0, 0.02, 20_000.0)
    assert shortfall(Budget(), least) is None and shortfall(Budget(bops=0.01), least) is None
    said = "the lower bounds alone need {}: give more, lower the bounds, or remove more units"
    assert said.format(percent(0.01, 2)) in str(shortfall(Budget(bops=0.009), least))
    assert said.format(size(20_000)) in str(shortfall(Budget(bytes=19_000), least))
