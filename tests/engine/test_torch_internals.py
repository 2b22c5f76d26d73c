"""Each private name of PyTorch does what it is used for; one that a new PyTorch takes away is named here."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import torch

from geta_engine import torch_internals
from geta_engine.quant import PreparedModel

aten = torch.ops.aten
ENGINE = Path(torch_internals.__file__).parent
PRIVATE_MODULE = re.compile(r"torch(\.\w+)*\._\w+")
PRIVATE_NAMES = {"_schema", "_overloadname", "_codegen", "_version", "_C", "_ops", "_inductor", "_dynamo", "_guards"}


def uses_private_torch(node: ast.AST) -> bool:
    """`torch._x`, an import from a private module of torch, or a private attribute of one of its objects."""
    if isinstance(node, ast.ImportFrom):
        return bool(PRIVATE_MODULE.match(f"{node.module}."[:-1])) or node.module == "torch.fx.experimental"
    if isinstance(node, ast.Import):
        return any(PRIVATE_MODULE.match(alias.name) for alias in node.names)
    if not isinstance(node, ast.Attribute):
        return False
    of_torch = isinstance(node.value, ast.Name) and node.value.id == "torch"
    return node.attr in PRIVATE_NAMES or (of_torch and node.attr.startswith("_") and not node.attr.startswith("__"))


def test_no_other_file_of_the_engine_uses_a_private_name():
    files = [path for path in ENGINE.rglob("*.py") if path.name != "torch_internals.py"]
    actual = [
        f"{path.relative_to(ENGINE)}:{node.lineno}"
        for path in files
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if uses_private_torch(node)
    ]
    assert not actual, f"private names of PyTorch belong into torch_internals.py: {actual}"


def test_what_a_schema_says_of_an_op():
    assert torch_internals.is_op(aten.add.Tensor) and not torch_internals.is_op(torch.add)
    assert torch_internals.schema_name(aten.relu_.default) == "aten::relu_"
    assert torch_internals.overload_name(aten.add.Tensor) == "Tensor"
    assert torch_internals.writes_into_operand(aten.relu_.default)
    assert not torch_internals.writes_into_operand(aten.relu.default)
    assert torch_internals.may_return_view(aten.view.default) and not torch_internals.may_return_view(aten.add.Tensor)


def test_trees_of_tensors_come_apart_and_together():
    tree = {"a": [1, 2], "b": (3,)}
    leaves, spec = torch_internals.tree_flatten(tree)
    assert leaves == torch_internals.tree_leaves(tree) == [1, 2, 3]
    assert torch_internals.tree_unflatten(leaves, spec) == tree
    assert torch_internals.tree_map(lambda leaf: leaf + 1, tree) == {"a": [2, 3], "b": (4,)}


def test_lists_of_tensors_are_one_call():
    one, two = [torch.tensor([1.0, 4.0])], [torch.tensor([2.0, 2.0])]
    assert torch_internals.foreach_add(one, two, alpha=0.5)[0].tolist() == [2.0, 5.0]
    assert torch_internals.foreach_mul(one, 3.0)[0].tolist() == [3.0, 12.0]
    assert torch_internals.foreach_div(one, two)[0].tolist() == [0.5, 2.0]
    assert torch_internals.foreach_sqrt(one)[0].tolist() == [1.0, 2.0]
    assert torch_internals.foreach_exp([torch.zeros(1)])[0].tolist() == [1.0]
    assert float(torch_internals.foreach_norm(one, float("inf"))[0]) == 4.0
    torch_internals.foreach_add_(one, 1.0)
    torch_internals.foreach_mul_(one, 2.0)
    torch_internals.foreach_div_(one, [4.0])
    torch_internals.foreach_addcmul_(one, two, two, 0.25)
    torch_internals.foreach_lerp_(one, two, 0.5)
    assert one[0].tolist() == [2.0, 2.75]


def test_weight_norm_is_g_v_over_the_norm_of_v():
    v, g = torch.tensor([[3.0, 4.0]]), torch.tensor([[10.0]])
    assert torch_internals.weight_norm(v, g, 0).tolist() == [[6.0, 8.0]]


def test_a_size_that_depends_on_data_has_no_hint():
    class Found(torch.nn.Module):
        def forward(self, x):
            return x.nonzero()

    shape = {"x": {0: torch.export.Dim("rows")}}
    program = torch.export.export(Found(), (torch.ones(5, 2),), dynamic_shapes=shape)
    nodes = {node.name: node for node in program.graph.nodes}
    assert torch_internals.size_hint(7) == 7
    assert torch_internals.size_hint(nodes["x"].meta["val"].shape[0]) == 5
    assert torch_internals.size_hint(nodes["nonzero"].meta["val"].shape[0]) is None


def test_a_graph_takes_over_what_another_is_called_with():
    class Sum(torch.nn.Module):
        def forward(self, pair):
            return {"sum": pair[0] + pair[1]}

    module = torch.export.export(Sum(), ((torch.ones(2), torch.ones(2)),)).module()
    graph, copied = torch.fx.Graph(), {}
    graph.output(graph.graph_copy(module.graph, copied))
    torch_internals.copy_calling_convention(module.graph, graph)
    result = torch.fx.GraphModule(module, graph)((torch.ones(2), torch.ones(2)))
    assert result["sum"].tolist() == [2.0, 2.0]


def test_a_shape_without_data_is_asked_for():
    assert torch_internals.has_meta_kernel("add.Tensor")
    assert not torch_internals.has_meta_kernel("_fake_quantize_learnable_per_tensor_affine_backward")


def test_a_tensor_counts_what_was_written_to_it():
    tensor = torch.zeros(2)
    before = torch_internals.version_of(tensor)
    tensor.add_(1)
    assert torch_internals.version_of(tensor) > before


def test_a_prepared_model_is_told_when_its_tensors_move():
    """It overrides `Module._apply`, which `.to()` and its like call."""
    assert "_apply" in vars(PreparedModel) and callable(torch.nn.Module._apply)


def test_a_formula_is_compiled_and_the_settings_of_inductor_stay():
    from torch._inductor import config

    if not torch_internals.can_compile("cpu"):
        pytest.skip("there is no C++ compiler on this machine")
    with config.patch(compile_threads=3):
        run = torch_internals.compile_formula(lambda x, y: (x * y + 1,), (torch.ones(8), torch.ones(8)))
        assert config.compile_threads == 3
    (result,) = run([torch.arange(5.0), torch.full((5,), 2.0)])
    assert result.tolist() == [1.0, 3.0, 5.0, 7.0, 9.0]
