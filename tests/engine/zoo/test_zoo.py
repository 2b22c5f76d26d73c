"""The zoo: what each model promises - shapes, widths, determinism, a free batch size, an error that helps."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from geta_engine.errors import InputError
from geta_engine.zoo import ZOO, build
from geta_engine.zoo.registry import _FACTORIES


def conv_widths(model: nn.Module) -> list[int]:
    return [layer.out_channels for layer in model.modules() if isinstance(layer, nn.Conv2d)]


def test_every_name_has_a_factory_and_a_line():
    assert set(ZOO) == set(_FACTORIES)
    assert all(len(line) > 20 for line in ZOO.values())


@pytest.mark.parametrize("name", ["lenet", "vgg7", "resnet8", "vit_tiny", "mobile_tiny", "dense_tiny", "mlp"])
def test_exports_with_a_free_batch_size(name):
    model, (example,) = build(name)
    batch = torch.export.Dim("batch", min=1, max=4096)
    program = torch.export.export(model, (example,), dynamic_shapes=({0: batch},)).module()
    for rows in (1, 2, 7):
        x = torch.randn(rows, *example.shape[1:])
        assert program(x).shape == (rows, 10)
        torch.testing.assert_close(program(x), model(x))


@pytest.mark.parametrize("name", list(ZOO))
def test_same_seed_same_model_and_global_generator_untouched(name):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    first, (x,) = build(name)
    assert torch.equal(torch.rand(1), expected)
    again, (x_again,) = build(name)
    other, _ = build(name, seed=1)
    assert torch.equal(x, x_again)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True))
    assert not first.training


@pytest.mark.parametrize("name", list(ZOO))
def test_takes_other_sizes(name):
    model, (x,) = build(name, in_channels=3, num_classes=5, image_size=16)
    assert x.numel() == 2 * 3 * 16 * 16
    assert model(x).shape == (2, 5)


def test_widths_are_the_published_ones():
    vgg, _ = build("vgg7")
    assert conv_widths(vgg) == [128, 128, 256, 256, 512, 512]
    assert [layer.out_features for layer in vgg.modules() if isinstance(layer, nn.Linear)] == [1024, 10]
    resnet, _ = build("resnet20")
    widths = conv_widths(resnet)
    assert sorted(widths) == [16] * 7 + [32] * 7 + [64] * 7  # a stem, six a stage, and two projections
    shortcuts = [m for name, m in resnet.named_modules() if "shortcut." in name and isinstance(m, nn.Conv2d)]
    assert [(conv.in_channels, conv.out_channels, conv.kernel_size) for conv in shortcuts] == [
        (16, 32, (1, 1)),
        (32, 64, (1, 1)),
    ]


@pytest.mark.parametrize(
    ("name", "blocks"), [("resnet8", 1), ("resnet20", 3), ("resnet56", 9), ("resnet18", 2), ("resnet50", 4)]
)
def test_resnet_depth_counts_its_layers(name, blocks):
    model, _ = build(name)
    layers = [
        key for key, m in model.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear)) and "shortcut" not in key
    ]
    assert len(layers) == int(name.removeprefix("resnet"))
    assert len(model.layer2) == blocks


def test_resnet50_is_the_published_one_and_takes_cifar_images():
    model, (x,) = build("resnet50")
    assert x.shape == (2, 3, 32, 32)
    blocks = [*model.layer1, *model.layer2, *model.layer3, *model.layer4]
    widths = [64] * 3 + [128] * 4 + [256] * 6 + [512] * 3
    assert [b.conv1.out_channels for b in blocks] == [b.conv2.out_channels for b in blocks] == widths
    assert [b.conv3.out_channels for b in blocks] == [4 * width for width in widths]
    assert [i for i, b in enumerate(blocks) if len(b.shortcut)] == [0, 3, 7, 13]
    assert sum(p.numel() for p in model.parameters()) == 25_557_032 - 1000 * 2049 + 10 * 2049 - 64 * 3 * (49 - 9)


def test_depthwise_gates_and_concats_are_there():
    mobile, _ = build("mobile_tiny")
    assert sum(m.groups == m.in_channels > 1 for m in mobile.modules() if isinstance(m, nn.Conv2d)) == 5
    dense, (x,) = build("dense_tiny")
    targets = [str(n.target) for n in torch.export.export(dense, (x,)).graph.nodes]
    assert targets.count("aten.cat.default") == 9
    vit, (x,) = build("vit_tiny")
    targets = [str(n.target) for n in torch.export.export(vit, (x,)).graph.nodes]
    assert targets.count("aten.scaled_dot_product_attention.default") == 4


def test_unknown_name_is_refused_with_a_hint():
    with pytest.raises(InputError, match=r"no model named 'resnet2O'.*vgg7.*did you mean 'resnet20'\?"):
        build("resnet2O")
    with pytest.raises(InputError, match="choose one"):
        build("zzz")


@pytest.mark.parametrize(("name", "size"), [("vgg7", 12), ("lenet", 6), ("vit_tiny", 9), ("resnet8", 2)])
def test_a_size_that_does_not_fit_is_refused(name, size):
    with pytest.raises(InputError, match=f"{size} pixels"):
        build(name, image_size=size)


def test_names_import_no_torch():
    code = "import sys; import geta_engine.zoo.names, geta_engine.zoo; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_resnet8_learns_digits():
    from geta_engine.data import Input, batch_indices, evaluate, load
    from geta_engine.data.tasks.classification import Classification

    data, task = load("digits", [Input("x", (1, 8, 8))]), Classification()
    model, _ = build("resnet8")
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for step in range(200):
        batch = task.batch(data.train.take(batch_indices(len(data.train), 64, 0, step)))
        optimizer.zero_grad()
        task.loss(model(*batch.inputs), batch.targets).backward()
        optimizer.step()
    assert evaluate(task, lambda inputs: model.eval()(*inputs), data.test) >= 0.97
