"""Programs derived from a prepared one, on its own tensors: without quantizers, and with those of weights together."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

from torch.fx import Graph, GraphModule, Node

from geta_engine.quant.fake_quant import fake_quantize, fake_quantize_weights
from geta_engine.torch_internals import copy_calling_convention


def without_quantizers(program: GraphModule) -> GraphModule:
    """The dense program."""
    graph = _copy(program)
    for node in graph.find_nodes(op="call_function", target=fake_quantize):
        source = node.args[0]
        assert isinstance(source, Node)
        node.replace_all_uses_with(source)
        graph.erase_node(node)
    graph.eliminate_dead_code()
    return GraphModule(program, graph)


def weights_together(program: GraphModule, position_of: Mapping[str, int], bank: str, learn_t: bool) -> GraphModule:
    """The same program on the kernels of its bank, with one call for all weights: between large layers, each call alone
    finds the processor's caches cold and costs several times what it computes.

    `bank` is the name of the bank in the program, `position_of` each quantizer's position in it.
    """
    graph = _copy(program)
    quantizers = graph.find_nodes(op="call_function", target=fake_quantize)
    nodes = [node for node in quantizers if node.args[0].op == "get_attr"]
    with graph.inserting_before(next(iter(graph.nodes))):
        kernels = graph.get_attr(f"{bank}.kernels")
        weights = tuple(graph.get_attr(node.args[0].target) for node in nodes)
        scalars = [graph.get_attr(f"{bank}.{name}") for name in ("d", "q_m", *(("t",) if learn_t else ()))]
        positions = tuple(position_of[node.meta["quantizer"]] for node in nodes)
        quantized = graph.call_function(fake_quantize_weights, (weights, positions, *scalars), {"kernels": kernels})
        for number, node in enumerate(nodes):
            node.replace_all_uses_with(graph.call_function(operator.getitem, (quantized, number)))
    for node in quantizers:
        node.kwargs = {"kernels": kernels}
    for node in nodes:
        graph.erase_node(node)
    graph.eliminate_dead_code()
    return GraphModule(program, graph)


def _copy(program: GraphModule) -> Graph:
    graph = Graph()
    copied: dict[Node, Any] = {}
    graph.output(graph.graph_copy(program.graph, copied))
    copy_calling_convention(program.graph, graph)
    return graph
