"""Parameters, MACs, BOPs and bytes of a program (docs/method.md, section 5)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn
from torch.fx import GraphModule

from geta_engine.cost.bit_cost import FLOAT_BITS
from geta_engine.cost.layers import LayerCost, layer_costs, stored_parameters
from geta_engine.quant.insert import PreparedModel
from geta_engine.trace import TracedModel


@dataclass(frozen=True)
class Cost:
    """Totals of a program; `bytes` counts packed weights (bits / 8), `bops` at the given bits."""

    params: int
    macs: int
    bops: int
    bytes: int
    layers: tuple[LayerCost, ...]


def cost(model: TracedModel | nn.Module, bits: Mapping[str, float] | None = None) -> Cost:
    """Count a traced model, or a prepared one (whose own quantizers then give the bits).

    `bits` maps quantizer ids (a weight's parameter name, `act.<node>`) to bit widths; what is missing counts as 32.
    Example: a 3x3 convolution from 16 to 32 channels on 8x8 outputs is 16 * 32 * 9 * 64 = 294,912 MACs.
    """
    if isinstance(model, PreparedModel):
        bits = model.bits_by_id() if bits is None else bits
        module: nn.Module = model.program
    else:
        module = model.graph_module() if isinstance(model, TracedModel) else model
    assert isinstance(module, GraphModule)
    bits = bits or {}
    layers = layer_costs(module, as_it_is=True)
    bops = sum(
        product.macs * bits.get(product.left, FLOAT_BITS) * bits.get(product.right, FLOAT_BITS)
        for layer in layers
        for product in layer.products
    )
    parameters = stored_parameters(module)
    size = sum(p.numbers * bits.get(p.quantizer, FLOAT_BITS) / 8 for p in parameters)
    return Cost(
        params=sum(p.numbers for p in parameters),
        macs=sum(layer.macs for layer in layers),
        bops=round(bops),
        bytes=math.ceil(size),
        layers=layers,
    )
