"""Name -> model and example inputs. Importing this file imports no torch; building a model does."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING

from geta_engine.errors import InputError
from geta_engine.zoo.names import ZOO

if TYPE_CHECKING:
    from torch import Tensor, nn

EXAMPLE_BATCH = 2
"""Rows of the example input: more than one, because torch.export takes a size of 1 for a constant."""

_FACTORIES: dict[str, str] = {
    "mlp": "mlp:MLP",
    "lenet": "lenet:LeNet",
    "vgg7": "vgg7:VGG7",
    "resnet8": "resnet:resnet8",
    "resnet20": "resnet:resnet20",
    "resnet56": "resnet:resnet56",
    "resnet18": "resnet:resnet18",
    "resnet50": "resnet:resnet50",
    "vit_tiny": "vit_tiny:ViTTiny",
    "mobile_tiny": "mobile_tiny:MobileTiny",
    "dense_tiny": "dense_tiny:DenseTiny",
}


def build(
    name: str,
    *,
    seed: int = 0,
    in_channels: int | None = None,
    num_classes: int | None = None,
    image_size: int | None = None,
) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """Build a model of the zoo in eval mode, with one tuple of example inputs (a batch of 2).

    Equal arguments give equal parameters and inputs, bit by bit; torch's global generator is left as it was.
    Sizes left out are the model's own: those of `digits` (one channel, 8 x 8 pixels, ten classes), or those of
    CIFAR-10 (three channels, 32 x 32) for resnet18 and resnet50.

    Raises:
        InputError: the name is not in the zoo, or the model cannot take images of this size.
    """
    _require_known(name)
    import torch

    module, factory = _FACTORIES[name].split(":")
    make = getattr(import_module(f"geta_engine.zoo.{module}"), factory)
    sizes = {"in_channels": in_channels, "num_classes": num_classes, "image_size": image_size}
    given = {key: size for key, size in sizes.items() if size is not None}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = make(**given)
    generator = torch.Generator().manual_seed(seed)
    example = torch.randn(EXAMPLE_BATCH, *model.input_shape, generator=generator, device="cpu")
    return model.eval(), (example,)


def _require_known(name: str) -> None:
    if name in ZOO:
        return
    close = get_close_matches(name, ZOO, n=1)
    hint = f"did you mean {close[0]!r}?" if close else "choose one of these."
    raise InputError(f"there is no model named {name!r} in the zoo ({', '.join(ZOO)}): {hint}")
