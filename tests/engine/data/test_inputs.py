"""Any number of inputs: which tensors data fills, what random ones look like, and every refusal with a sentence."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes
from torch import Tensor, nn

import geta_engine as ge
from geta_engine.config import make_config
from geta_engine.data import load, model_inputs
from geta_engine.data.random import random_inputs
from geta_engine.errors import InputError
from geta_engine.training.training_data import TrainingData


class Several(nn.Module):
    """Floats, tokens behind a cast and a view, a mask, a table that has no rows, and what is no tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.kinds, self.mix = nn.Embedding(50, 8), nn.Embedding(3, 8), nn.Linear(8, 8)

    def forward(
        self, image: Tensor, tokens: Tensor, scale: float, *, kind: Tensor, attention_mask: Tensor, table: Tensor
    ) -> dict[str, Tensor]:
        hidden = self.words(tokens.long().view(-1, 4)) + self.kinds(kind)[:, None] + table
        hidden = self.mix(hidden * attention_mask[:, :, None]) * scale
        return {"logits": hidden.mean(1) + image.mean((1, 2, 3))[:, None], "states": hidden}


@pytest.fixture(scope="module")
def several() -> ge.TracedModel:
    kwargs = {
        "table": torch.randn(4, 8),
        "attention_mask": torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]]),
        "kind": torch.zeros(2, dtype=torch.int64),
    }
    args = (torch.randn(2, 1, 8, 8), torch.zeros(2, 4, dtype=torch.int32), 0.5)
    return ge.trace(Several(), args, kwargs)


def test_the_inputs_of_a_model_are_found_in_its_graph(several):
    inputs = model_inputs(several)
    actual = [(x.name, x.shape, x.vocabulary) for x in inputs.inputs]
    assert actual == [
        ("image", (1, 8, 8), None),
        ("tokens", (4,), 50),
        ("attention_mask", (4,), None),
        ("kind", (), 3),
    ]
    output = inputs.call(several.graph_module(), [torch.cat([x, x]) for x in inputs.examples])
    expected = several(*several.example_args, **several.example_kwargs)
    torch.testing.assert_close(output["logits"][2:], expected["logits"])
    assert inputs.flat(inputs.examples)[2] == 0.5, "what holds no batch stays as traced"


def test_random_inputs_have_the_range_that_the_model_takes(several):
    inputs = model_inputs(several).inputs
    (image, tokens, mask, kind), test = random_inputs(inputs, 2**30)
    assert [len(x) for x in (image, tokens, mask, kind)] == [1024] * 4 and len(test[0]) == 256
    assert abs(float(image.mean())) < 0.02 and abs(float(image.std()) - 1) < 0.02
    assert tokens.dtype == torch.int32 and (int(tokens.min()), int(tokens.max())) == (0, 49)
    assert sorted(kind.unique().tolist()) == [0, 1, 2]
    assert torch.equal(mask[:4], torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]] * 2))
    assert torch.equal(random_inputs(inputs, 2**30)[0][0], image)
    few, fewer = random_inputs(inputs, 10 * sum(x.bytes for x in inputs))
    assert (len(few[0]), len(fewer[0])) == (8, 2)


def arrays(**changes: np.ndarray | None) -> dict[str, np.ndarray]:
    """Ten examples for every input, with some replaced or (None) left out."""
    draw = np.random.default_rng(0)
    given = {
        "image": draw.normal(3, 2, (10, 8, 8)),
        "tokens": draw.integers(0, 50, (10, 4)),
        "kind": draw.integers(0, 3, 10),
        "attention_mask": np.ones((10, 4), bool),
        "y": draw.normal(5, 3, (10, 8)),
    }
    return {name: array for name, array in {**given, **changes}.items() if array is not None}


def test_arrays_named_as_the_inputs_fill_them(several, tmp_path):
    np.savez(tmp_path / "d.npz", **arrays())
    inputs = model_inputs(several).inputs
    data = load(f"npz:{tmp_path}/d.npz", inputs)
    image, tokens, mask, kind = data.train.inputs
    assert image.shape == (7, 1, 8, 8) and abs(float(image.mean())) < 1e-5, "floats are normalised"
    assert tokens.dtype == torch.int32 and mask.dtype == torch.int64 and kind.shape == (7,)
    assert data.task == "regression" and data.train.targets is not None and data.train.targets.shape == (7, 8)
    assert float(data.train.targets.mean(0).abs().max()) < 1e-5
    pairs = {tuple(row): value for row, value in zip(arrays()["tokens"].tolist(), arrays()["kind"].tolist())}
    assert all(pairs[tuple(row)] == value for row, value in zip(tokens.tolist(), kind.tolist())), "rows stay together"
    np.savez(tmp_path / "x.npz", **arrays(image=None, attention_mask=None, x=arrays()["image"], y=None))
    again = load(f"distill:npz:{tmp_path}/x.npz", inputs)
    assert again.task == "distill" and again.train.targets is None and torch.equal(again.train.inputs[0], image)
    assert torch.equal(again.train.inputs[2][:2], torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])), "as it was traced"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kind": None}, "has image, tokens, attention_mask and the model takes image, tokens, attention_mask, kind"),
        ({"extra": np.zeros((10, 1))}, "give an array of the name of each input"),
        ({"tokens": np.full((10, 4), 50)}, "tokens from 50 to 50 for tokens and the model knows 0 to 49"),
        ({"tokens": np.full((10, 4), -1)}, "tokens from -1 to -1"),
        ({"tokens": np.zeros((10, 4))}, "type float64 for tokens"),
        ({"tokens": np.zeros((10, 5), int)}, r"shape \(5,\) for tokens and the model takes \(4,\)"),
        ({"tokens": np.zeros((9, 4), int)}, "as many rows"),
        ({"y": None}, "set task masked-lm or causal-lm for tokens, or let the dense model be the teacher"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(several, tmp_path, changes, says):
    np.savez(tmp_path / "d.npz", **arrays(**changes))
    with pytest.raises(InputError, match=says) as caught:
        load(f"npz:{tmp_path}/d.npz", model_inputs(several).inputs)
    assert "\n" not in str(caught.value)


def test_a_model_without_a_batch_and_one_of_a_fixed_batch_are_refused():
    class Fixed(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.reshape(2, 64) @ torch.ones(64, 10)

    fixed = ge.trace(Fixed(), (torch.zeros(2, 1, 8, 8),), dynamic_batch=False)
    with pytest.raises(InputError, match="traced for batches of 2 rows and no others"):
        TrainingData(fixed, make_config(model="fixed"))

    class Numbers(nn.Module):
        def forward(self, x: float) -> Tensor:
            return torch.ones(2, 3) * x

    with pytest.raises(InputError, match="takes no tensor"):
        model_inputs(ge.trace(Numbers(), (0.5,)))


def test_numbers_and_classes_are_told_apart(tmp_path):
    x, y = load_diabetes(return_X_y=True)
    np.savez(tmp_path / "d.npz", x=x, y=y.astype(int))
    wide = ge.trace(nn.Linear(10, 3), (torch.zeros(2, 10),))
    inputs, data = model_inputs(wide).inputs, f"npz:{tmp_path}/d.npz"
    with pytest.raises(InputError, match="cannot be split 70/30 by class"):
        load(data, inputs)
    assert load(data, inputs, "regression").train.targets.shape == (309, 1)
    with pytest.raises(InputError, match="has 1 numbers to predict"):
        TrainingData(wide, make_config(model="m", data=data, task="regression"))
    np.savez(tmp_path / "d.npz", x=x, y=y)
    assert load(data, inputs).task == "regression"
    with pytest.raises(InputError, match="set task regression"):
        load(data, inputs, "classification")
