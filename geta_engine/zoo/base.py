"""What every model of the zoo is: a module that knows the shape of one input."""

from __future__ import annotations

from torch import Tensor, nn

from geta_engine.errors import InputError


class ZooModel(nn.Module):
    """Base of the zoo. `input_shape` is the shape of one example, without the batch dimension."""

    input_shape: tuple[int, ...]

    def forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError


def require_multiple(image_size: int, multiple: int, model: str) -> None:
    """Raises InputError unless `image_size` (pixels a side) is a positive multiple of `multiple`."""
    if image_size < multiple or image_size % multiple:
        raise InputError(
            f"{model} was asked for images of {image_size} pixels a side: "
            f"give a multiple of {multiple}, because it shrinks the image by that factor"
        )
