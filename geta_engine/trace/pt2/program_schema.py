"""The program inside a `.pt2`, checked as text before torch reads it.

torch.export.load trusts this JSON: it evaluates shape expressions with sympy (which is Python's eval), resolves any
`torch.`-name as an operator, imports modules named in input specs, and later writes names into generated Python
code. So an archive without a single pickle can still run code. Here every string in the JSON is held to a grammar of
its own, operators to a list, and what the engine does not need (stack traces, guards, free metadata) is dropped.
"""

from __future__ import annotations

import ast
import json
import re
from typing import Any

from geta_engine.errors import InputError
from geta_engine.trace.pt2.zip_limits import shown

_NAME = re.compile(r"[A-Za-z0-9_.]*")
"""What is written into generated code: names of values and arguments."""
_TEXT = re.compile(r"[A-Za-z0-9_.,:/+> \-]*")
"""What is written into generated code between quotes: dotted paths of parameters, einsum equations, modes."""
_TEXT_KEYS = {"as_string", "as_strings", "parameter_name", "buffer_name", "tensor_constant_name", "fqn"}
_TEXT_KEYS |= {"torch_version"}
_KEPT_METADATA = ("nn_module_stack", "torch_fn")

_NAMESPACES = {"aten", "prims", "quantized_decomposed"}
_OUTSIDE_WORLD = {"from_file", "save", "manual_seed", "seed", "_print", "warn", "format"}
"""aten operators that touch files, global state or the terminal."""
_PLAIN_TARGETS = {
    *(f"_operator.{name}" for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "neg", "pos", "abs")),
    *(f"_operator.{name}" for name in ("eq", "ne", "lt", "le", "gt", "ge", "and_", "or_", "getitem")),
    *(f"math.{name}" for name in ("ceil", "floor", "trunc", "sqrt")),
    *(f"torch.{name}" for name in ("sym_int", "sym_float", "sym_max", "sym_min", "sym_not", "sym_sum", "sym_ite")),
    *(f"torch.ops.higher_order.{name}" for name in ("wrap_with_set_grad_enabled", "wrap_with_autocast")),
}
_SPEC_TYPES = {None, "builtins.tuple", "builtins.list", "builtins.dict", "collections.OrderedDict"}
_SYMPY = (
    "Add Mul Pow Min Max Mod PythonMod FloorDiv CeilDiv CleanDiv ModularIndexing Where CeilToInt FloorToInt TruncToInt "
    "TruncToFloat RoundToInt RoundDecimal ToFloat Identity IntTrueDiv FloatTrueDiv FloatPow PowByNatural LShift RShift "
    "Eq Ne Lt Le Gt Ge Equality Unequality StrictLessThan LessThan StrictGreaterThan GreaterThan And Or Not Abs"
)
_EXPRESSION_CALLS = frozenset(_SYMPY.split())
_EXPRESSION_LEAVES = frozenset(("Symbol", "Integer", "Float", "Rational"))
"""The only calls that take a string: a symbol's name or a number's digits."""
_EXPRESSION_NAMES = {"oo", "int_oo", "true", "false"}
_MAX_EXPRESSION = 4096
_REMEDY = "give a file as torch.export.save writes it for a model of plain PyTorch operators"


def clean_program(text: bytes, label: str) -> bytes:
    """models/model.json of the archive called `label` -> the same program, fit to be deserialized.

    Raises:
        InputError: it is no JSON, or a string in it is not what torch.export.save writes there.
    """
    program = parse_json(text, label, "models/model.json")
    try:
        cleaned = _clean(program, "", label)
    except RecursionError:
        raise InputError(f"{label} holds a program nested too deeply to read: {_REMEDY}") from None
    cleaned["guards_code"] = []
    return json.dumps(cleaned).encode()


def parse_json(text: bytes, label: str, entry: str) -> dict[str, Any]:
    """A JSON object from an entry; raises InputError when it is anything else (a pickle, for instance)."""
    try:
        content = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise InputError(f"{label} holds something else than JSON in {entry}: {_REMEDY}")
    return content


def _clean(value: Any, key: str, label: str) -> Any:
    """A copy of `value`, found under `key`, with every string in it checked."""
    if isinstance(value, dict):
        if key == "metadata":
            return {kept: value[kept] for kept in _KEPT_METADATA if isinstance(value.get(kept), str)}
        for name in value:
            _require(_NAME.fullmatch(name), label, "name", name)
        return {name: [] if name == "guards_code" else _clean(item, name, label) for name, item in value.items()}
    if isinstance(value, list):
        return [_clean(item, key, label) for item in value]
    if isinstance(value, str):
        _check_string(value, key, label)
    return value


def _check_string(text: str, key: str, label: str) -> None:
    if key in ("target", "as_operator"):
        _require(is_known_operator(text), label, "operator", text)
    elif key == "expr_str":
        _require(is_plain_expression(text), label, "shape expression", text)
    elif key in ("in_spec", "out_spec"):
        _require(_is_plain_spec(text), label, "input or output structure", text)
    elif key in _TEXT_KEYS:
        _require(_TEXT.fullmatch(text), label, "text", text)
    else:
        _require(_NAME.fullmatch(text), label, "name", text)


def _require(holds: object, label: str, what: str, text: str) -> None:
    if not holds:
        raise InputError(f"{label} holds the {what} {shown(text)}, which is not accepted from a file: {_REMEDY}")


def is_known_operator(target: str) -> bool:
    """Whether `target` is on the list above or is an existing `torch.ops.aten.op.overload` that only computes."""
    import torch

    from geta_engine.torch_internals import is_op

    if target in _PLAIN_TARGETS:
        return True
    parts = target.split(".")
    if len(parts) != 5 or parts[:2] != ["torch", "ops"] or parts[2] not in _NAMESPACES or parts[3] in _OUTSIDE_WORLD:
        return False
    packet = getattr(getattr(torch.ops, parts[2]), parts[3], None)
    return is_op(getattr(packet, parts[4], None))


def is_plain_expression(text: str) -> bool:
    """Whether `text` is calls of listed sympy classes on numbers and symbols: `Mul(Integer(4), Symbol('s0'))`."""
    if len(text) > _MAX_EXPRESSION:
        return False
    try:
        return _is_plain(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _is_plain(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=int() | float() | None):
            return True
        case ast.Name(id=name):
            return name in _EXPRESSION_NAMES
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _is_plain(operand)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            flags = all(keyword.arg and isinstance(keyword.value, ast.Constant) for keyword in keywords)
            is_argument = _is_leaf if name in _EXPRESSION_LEAVES else _is_plain
            is_listed = name in _EXPRESSION_CALLS or name in _EXPRESSION_LEAVES
            return is_listed and flags and all(is_argument(arg) for arg in args)
    return False


def _is_leaf(node: ast.expr) -> bool:
    if not isinstance(node, ast.Constant):
        return isinstance(node, ast.UnaryOp) and _is_plain(node)
    return not isinstance(node.value, str) or re.fullmatch(r"[A-Za-z0-9_.+\-]+", node.value) is not None


def _is_plain_spec(text: str) -> bool:
    """Whether a serialized pytree spec nests only tuples, lists and dictionaries with plain names for keys."""
    try:
        protocol, spec = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return False
    return protocol == 1 and _is_plain_tree(spec)


def _is_plain_tree(spec: Any) -> bool:
    if not isinstance(spec, dict) or set(spec) != {"type", "context", "children_spec"}:
        return False
    kind, context, children = spec["type"], spec["context"], spec["children_spec"]
    if not (kind is None or isinstance(kind, str)) or kind not in _SPEC_TYPES or not isinstance(children, list):
        return False
    return _is_plain_context(context) and all(_is_plain_tree(child) for child in children)


def _is_plain_context(context: Any) -> bool:
    if context is None:
        return True
    try:
        keys = json.loads(context)
    except (ValueError, TypeError, RecursionError):
        return False
    names = keys if isinstance(keys, list) else []
    return (keys is None or names == keys) and all(isinstance(name, str) and name.isidentifier() for name in names)
