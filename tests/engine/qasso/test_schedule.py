from __future__ import annotations

import pytest

from geta_engine.config import Schedule, make_config
from geta_engine.errors import InputError
from geta_engine.qasso.schedule import projected_share, stage_at, units_due

SMALL = Schedule(warmup=3, projection=4, projection_periods=2, joint=6, joint_periods=3, cooldown=2)


def test_every_step_has_its_place():
    places = [
        (stage_at(SMALL, s).stage, stage_at(SMALL, s).period, stage_at(SMALL, s).offset) for s in range(SMALL.total)
    ]
    assert places == [
        ("warmup", 0, 0), ("warmup", 0, 1), ("warmup", 0, 2),
        ("projection", 0, 0), ("projection", 0, 1), ("projection", 1, 0), ("projection", 1, 1),
        ("joint", 0, 0), ("joint", 0, 1), ("joint", 1, 0), ("joint", 1, 1), ("joint", 2, 0), ("joint", 2, 1),
        ("cooldown", 0, 0), ("cooldown", 0, 1),
    ]  # fmt: skip


def test_bound_comes_down_and_units_add_up():
    shares = [projected_share(SMALL, stage_at(SMALL, s)) for s in range(SMALL.total)]
    assert shares == [0] * 3 + [0.5] * 2 + [1.0] * 10
    targets = [units_due(SMALL, stage_at(SMALL, s), 10) for s in range(SMALL.total)]
    assert targets == [0] * 7 + [3, 3, 6, 6, 10, 10] + [10, 10]


@pytest.mark.parametrize(
    "fields",
    [
        {"schedule": {"joint": 7, "joint_periods": 2}},
        {"schedule": {"projection": 0, "projection_periods": 2}},
        {"schedule": {"warmup": -1}},
        {
            "schedule": {
                "warmup": 9,
                "projection": 0,
                "projection_periods": 0,
                "joint": 0,
                "joint_periods": 0,
                "cooldown": 0,
            }
        },
        {"sparsity": 1.2},
        {"sparsity": -0.1},
        {"sparsity": float("nan")},
        {"bits": {"lower": 9, "upper": 4}},
        {"bits": {"lower": 1, "upper": 8}},
        {"bits": {"lower": 4, "upper": 40}},
        {"lr": 0},
        {"batch_size": 0},
    ],
)
def test_an_illegal_configuration_is_one_sentence(fields):
    with pytest.raises(InputError) as caught:
        make_config(model="resnet20", **fields)
    assert "\n" not in str(caught.value) and len(str(caught.value)) > 20
