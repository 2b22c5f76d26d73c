"""Where the prunable units of a program show: the tensors that their producers put out, for each example of a batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from geta_engine.documents.qadg import Block, Qadg
from geta_engine.qadg.quantizers.placement import varying_nodes
from geta_engine.trace.fx_nodes import op_name

_ELEMENTWISE = frozenset({"add", "sub", "mul", "div"})


class Site(NamedTuple):
    """A node whose output the producers of units enter, and the blocks of units of that output.

    `operand` is the argument that comes from the parameter, where an elementwise op reads it beside data: then that
    alone, spread over the batch, is what the units put out. None where the whole output is.
    """

    blocks: tuple[Block, ...]
    operand: Node | None


def unit_sites(program: GraphModule, qadg: Qadg) -> dict[str, tuple[Site, ...]]:
    """Node -> its sites, of a prepared program or of the one that was traced."""
    varying = varying_nodes(program.graph)
    producers = {m.parameter for group in qadg.prunable for m in group.members if m.role == "producer"}
    prunable = torch.zeros(qadg.total_units, dtype=torch.bool)
    prunable[torch.from_numpy(qadg.candidate_units())] = True
    sites: dict[str, dict[Node | None, Site]] = {}
    for node in program.graph.nodes:
        if node.op == "get_attr" and str(node.target) in producers:
            for operand, reader in _first_varying(node, varying):
                blocks = _blocks(qadg, reader, prunable)
                if blocks:
                    alone = operand if op_name(reader) in _ELEMENTWISE else None
                    sites.setdefault(reader.name, {})[alone] = Site(blocks, alone)
    return {name: tuple(by_operand.values()) for name, by_operand in sites.items()}


def _first_varying(parameter: Node, varying: frozenset[Node]) -> Iterable[tuple[Node, Node]]:
    """(operand, reader) wherever the parameter, or what is computed from parameters alone, meets data."""
    waiting, seen = [parameter], {parameter}
    while waiting:
        operand = waiting.pop()
        for reader in operand.users:
            if reader in varying:
                yield operand, reader
            elif reader not in seen:
                seen.add(reader)
                waiting.append(reader)


def _blocks(qadg: Qadg, node: Node, prunable: Tensor) -> tuple[Block, ...]:
    """The blocks of the node's one output in which there are prunable units; none along the batch."""
    blocks = [block for block in qadg.blocks.get(node.name, ()) if isinstance(block, Block)]
    padded = torch.cat([prunable, prunable.new_zeros(1)])
    return tuple(b for b in blocks if 0 not in b.dims and bool(padded[torch.from_numpy(b.units).long()].any()))


def slopes_of_units(put_out: Iterable[tuple[Site, Tensor]], rows: int, units: int) -> Tensor:
    """dL_n / dm_u with m_u = 1 multiplying all that the producers of unit u put out, float32 [rows, units].

    `put_out` are the tensors of the sites with their gradients. A tensor whose first dim is no multiple of the rows
    counts to the first of them.
    """
    total: Tensor | None = None
    for site, value in put_out:
        if value.grad is None:
            continue
        product = value.detach().float() * value.grad.float()
        if total is None:
            total = torch.zeros(rows, units + 1, device=product.device)
        for block in site.blocks:
            _add(total, product, block, rows)
    return torch.zeros(rows, units) if total is None else total[:, :units]


def _add(total: Tensor, product: Tensor, block: Block, rows: int) -> None:
    """Sum a product over all dims that are neither the batch nor the block's, and add it to the units."""
    others = [d for d in range(1, product.ndim) if d not in block.dims]
    moved = product.movedim(block.dims, tuple(range(-len(block.dims), 0)))
    summed = moved.flatten(1, -1 - len(block.dims)).sum(1) if others else moved
    summed = summed.flatten(1)
    split = len(summed) % rows == 0
    summed = summed.view(rows, -1, summed.shape[1]).sum(1) if split else summed.sum(0, keepdim=True)
    unit = torch.from_numpy(block.units.ravel()).long().to(total.device)
    unit[unit < 0] = total.shape[1] - 1
    total[: len(summed)].index_add_(1, unit, summed)
