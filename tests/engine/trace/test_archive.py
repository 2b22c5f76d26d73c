"""`.pt2` files from strangers: what torch.export.save writes loads unchanged, everything else is refused unread."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import pickle
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from geta_engine.errors import InputError
from geta_engine.trace.pt2.archive import inspect, safe_load
from geta_engine.trace.pt2.program_schema import is_known_operator, is_plain_expression
from geta_engine.trace.pt2.zip_limits import Limits
from geta_engine.zoo import build

PROGRAM = "models/model.json"
WEIGHTS = "data/weights/model_weights_config.json"
SAMPLES = "data/sample_inputs/model.pt"


class Touch:
    """Unpickling it creates a directory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


class Branching(nn.Module):
    """Keyword inputs, a dictionary out, two free sizes, a constant, a no_grad block, arithmetic on sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.register_buffer("scale", torch.full((4,), 2.0))

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None, *, shift: torch.Tensor) -> dict[str, Any]:
        with torch.no_grad():
            scaled = x * self.scale
        kept = torch.where(mask, scaled, 0.0) + torch.tensor([1.0, 2.0, 3.0, 4.0])
        rows = x.shape[0] * x.shape[1]
        return {"scores": self.layer(kept) + shift.sum(), "flat": kept.reshape(rows, 4), "pair": (x, rows)}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lenet of the zoo, exported with a free batch and written by torch.export.save."""
    model, (x,) = build("lenet")
    path = tmp_path_factory.mktemp("archive") / "lenet.pt2"
    batch = torch.export.Dim("batch", min=1, max=64)
    torch.export.save(torch.export.export(model, (x,), dynamic_shapes=({0: batch},)), path)
    return path


def torch_runs(path: Path, proof: Path) -> bool:
    """Whether torch.export.load, trusting the file, does what the attack wants: the attacks here are real ones."""
    logging.disable()
    try:
        with contextlib.suppress(Exception):
            torch.export.load(path).module()(torch.ones(2, 1, 8, 8))
    finally:
        logging.disable(logging.NOTSET)
    return proof.exists()


Edit = Callable[[dict[str, bytes]], None]


def rewritten(source: Path, target: Path, edit: Edit, compression: int = zipfile.ZIP_STORED) -> Path:
    """`source` with its entries (names without the top folder) changed by `edit`."""
    with zipfile.ZipFile(source) as archive:
        entries = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    edit(entries)
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(f"m/{name}", content)
    return target


def in_json(entry: str, edit: Callable[[dict[str, Any]], object]) -> Edit:
    def change(entries: dict[str, bytes]) -> None:
        content = json.loads(entries[entry])
        edit(content)
        entries[entry] = json.dumps(content).encode()

    return change


def put(**named: bytes) -> Edit:
    return lambda entries: entries.update({name.replace("__", "/"): content for name, content in named.items()})


def refused(path: Path, says: str) -> None:
    """Both doors refuse the file, in one line that names it and not the directory it lies in."""
    for door in (inspect, safe_load):
        with pytest.raises(InputError, match=says) as caught:
            door(path)
        message = str(caught.value)
        assert "\n" not in message and path.name in message and str(path.parent) not in message


def first_expression(content: dict[str, Any]) -> dict[str, Any]:
    """The first symbolic size of the program: {"expr_str": ..., "hint": ...}."""
    values = content["graph_module"]["graph"]["tensor_values"].values()
    return next(size["as_expr"] for value in values for size in value["sizes"] if "as_expr" in size)


@pytest.mark.parametrize("name", ["mlp", "lenet", "resnet8", "vit_tiny", "mobile_tiny", "dense_tiny"])
def test_zoo_models_come_back_equal(tmp_path, name):
    model, (x,) = build(name)
    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(model, (x,), dynamic_shapes=({0: batch},))
    torch.export.save(program, tmp_path / "m.pt2")
    loaded = safe_load(tmp_path / "m.pt2")
    assert str(loaded.graph) == str(program.graph)
    assert list(loaded.range_constraints.values()) == list(program.range_constraints.values())
    assert torch.equal(loaded.example_inputs[0][0], x)
    rows = torch.randn(5, *x.shape[1:])
    assert torch.equal(loaded.module()(rows), program.module()(rows))


def test_keywords_dictionaries_constants_and_sizes_come_back_equal(tmp_path):
    model = Branching()
    x, inputs = torch.randn(2, 6, 4), {"mask": torch.rand(2, 6, 4) > 0.5, "shift": torch.ones(2)}
    batch, length = torch.export.Dim("batch", min=2, max=64), torch.export.Dim("length", min=2, max=64)
    shapes = {"x": {0: batch, 1: length}, "mask": {0: batch, 1: length}, "shift": {0: batch}}
    program = torch.export.export(model, (x,), inputs, dynamic_shapes=shapes)
    torch.export.save(program, tmp_path / "m.pt2")
    loaded = safe_load(tmp_path / "m.pt2")
    rows, more = torch.randn(3, 5, 4), {"mask": torch.rand(3, 5, 4) > 0.5, "shift": torch.ones(3)}
    expected, got = program.module()(rows, **more), loaded.module()(rows, **more)
    assert list(got) == ["scores", "flat", "pair"] and got["pair"][1] == 15
    assert torch.equal(got["scores"], expected["scores"]) and torch.equal(got["flat"], expected["flat"])


def test_module_names_stay_and_paths_of_the_author_do_not(saved):
    with zipfile.ZipFile(saved) as archive:
        assert b"stack_trace" in archive.read(f"lenet/{PROGRAM}")
    nodes = [node for node in safe_load(saved).graph.nodes if node.op == "call_function"]
    assert all("nn_module_stack" in node.meta and "stack_trace" not in node.meta for node in nodes)
    assert any("conv1" in path for path, _ in nodes[0].meta["nn_module_stack"].values())


def test_inspection_tells_what_is_inside(saved):
    inspection = inspect(saved)
    assert inspection.folder == "lenet" and len(inspection.tensors) == 10
    assert inspection.unpacked_bytes > 4 * 21_000


def test_a_deflated_archive_with_extra_files_loads(saved, tmp_path):
    path = rewritten(saved, tmp_path / "z.pt2", put(extra__note=b"hello"), zipfile.ZIP_DEFLATED)
    assert safe_load(path).graph_signature.parameters


@pytest.mark.parametrize("content", [b"", b"just text, renamed", b"PK\x03\x04 not really a zip", pickle.dumps([1])])
def test_what_is_no_zip_is_refused(tmp_path, content):
    (tmp_path / "a.pt2").write_bytes(content)
    refused(tmp_path / "a.pt2", "is not a .pt2 archive")


def test_a_file_that_is_not_there_and_a_directory_are_refused(tmp_path):
    refused(tmp_path / "gone.pt2", "no file")
    (tmp_path / "folder.pt2").mkdir()
    refused(tmp_path / "folder.pt2", "no file")


def test_a_truncated_and_a_damaged_file_are_refused(saved, tmp_path):
    for missing, says in (
        (500, "cut short or has a zip inside"),
        (len(saved.read_bytes()) // 2, "is not a .pt2 archive"),
    ):
        (tmp_path / "cut.pt2").write_bytes(saved.read_bytes()[:-missing])
        refused(tmp_path / "cut.pt2", says)
    content = bytearray(saved.read_bytes())
    at = content.index(b'{"graph_module"')
    content[at + 50] ^= 0xFF
    (tmp_path / "bit.pt2").write_bytes(content)
    refused(tmp_path / "bit.pt2", "is not a .pt2 archive")


def test_files_of_torch_save_and_of_older_exports_are_refused(tmp_path):
    torch.save({"weight": torch.ones(3)}, tmp_path / "state.pt2")
    refused(tmp_path / "state.pt2", "does not write")
    with zipfile.ZipFile(tmp_path / "old.pt2", "w") as archive:
        archive.writestr("version", "8.9")
        archive.writestr("serialized_exported_program.json", "{}")
        archive.writestr("serialized_state_dict.pt", pickle.dumps(Touch(tmp_path / "ran")))
    refused(tmp_path / "old.pt2", "2.7 or older")
    assert not (tmp_path / "ran").exists()


# --- pickles


def test_a_pickled_sample_input_does_not_run(saved, tmp_path):
    proof, buffer = tmp_path / "ran", io.BytesIO()
    torch.save(((Touch(proof),), {}), buffer)
    path = rewritten(saved, tmp_path / "evil.pt2", lambda entries: entries.update({SAMPLES: buffer.getvalue()}))
    refused(path, "only unpickling could open")
    assert not proof.exists()
    assert torch_runs(path, proof)


def test_a_bare_pickle_as_sample_input_does_not_run(saved, tmp_path):
    proof = tmp_path / "ran"
    attack = pickle.dumps(((Touch(proof),), {}), protocol=2)
    refused(
        rewritten(saved, tmp_path / "evil.pt2", lambda e: e.update({SAMPLES: attack})), "only unpickling could open"
    )
    assert not proof.exists()


def test_a_weight_flagged_as_pickle_does_not_run(saved, tmp_path):
    proof, buffer = tmp_path / "ran", io.BytesIO()
    torch.save(Touch(proof), buffer)

    def edit(entries: dict[str, bytes]) -> None:
        config = json.loads(entries[WEIGHTS])
        payload = config["config"]["conv1.weight"]
        payload["use_pickle"] = True
        entries[f"data/weights/{payload['path_name']}"] = buffer.getvalue()
        entries[WEIGHTS] = json.dumps(config).encode()

    path = rewritten(saved, tmp_path / "evil.pt2", edit)
    refused(path, "stores 'conv1.weight' as a pickle")
    assert not proof.exists()
    assert torch_runs(path, proof)


@pytest.mark.parametrize("flag", [1, "false", None, [], "true"])
def test_a_flag_that_is_not_plainly_false_is_refused(saved, tmp_path, flag):
    edit = in_json(WEIGHTS, lambda config: config["config"]["fc1.bias"].update(use_pickle=flag))
    refused(rewritten(saved, tmp_path / "evil.pt2", edit), "as a pickle")


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_pickle_where_numbers_belong_is_refused(saved, tmp_path, protocol):
    proof, buffer = tmp_path / "ran", io.BytesIO()
    torch.save(torch.ones(3), buffer)
    for attack in (pickle.dumps(Touch(proof), protocol=protocol), buffer.getvalue()):
        path = rewritten(saved, tmp_path / "evil.pt2", put(data__weights__weight_0=attack))
        refused(path, "pickle in 'data/weights/weight_0'")
    assert not proof.exists()


def test_numbers_that_start_like_a_pickle_are_numbers(saved, tmp_path):
    def edit(entries: dict[str, bytes]) -> None:
        entries["data/weights/weight_0"] = b"\x80\x04" + entries["data/weights/weight_0"][2:]

    assert safe_load(rewritten(saved, tmp_path / "fine.pt2", edit)).state_dict


@pytest.mark.parametrize("entry", [PROGRAM, WEIGHTS, "data/constants/model_constants_config.json"])
@pytest.mark.parametrize("content", [pickle.dumps({"a": 1}), b"[1]", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(saved, tmp_path, entry, content):
    refused(rewritten(saved, tmp_path / "a.pt2", lambda e: e.update({entry: content})), "something else than JSON")


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("data/aotinductor/model/code.cpp", "compiled or source code"),
        ("data/weights/libevil.so", "compiled or source code"),
        ("extra/setup.py", "compiled or source code"),
        ("data/constants/custom_obj_0", "pickled object"),
        ("data/constants/opaque_obj_0", "pickled object"),
        ("data/weights/model.pt", "does not write"),
        ("data/constants/model.pt", "does not write"),
        ("models/other.json", "does not write"),
        ("data.pkl", "does not write"),
        ("xl_model_weights/model_param_config", "does not write"),
    ],
)
def test_entries_that_could_be_run_or_unpickled_are_refused(saved, tmp_path, entry, says):
    proof = tmp_path / "ran"
    attack = pickle.dumps(Touch(proof))
    refused(rewritten(saved, tmp_path / "evil.pt2", lambda e: e.update({entry: attack})), says)
    assert not proof.exists()


# --- code without a pickle


def test_a_shape_expression_that_is_code_does_not_run(saved, tmp_path):
    proof = tmp_path / "ran"
    code = f"__import__('os').mkdir({str(proof)!r}) or Integer(2)"
    edit = in_json(PROGRAM, lambda content: first_expression(content).update(expr_str=code))
    path = rewritten(saved, tmp_path / "evil.pt2", edit)
    refused(path, "shape expression")
    assert not proof.exists()
    assert torch_runs(path, proof)


@pytest.mark.parametrize(
    "target",
    [
        "torch.hub.load",
        "torch.load",
        "torch.os.system",
        "_operator.methodcaller",
        "math.factorial",
        "#ns:op",
        "torch.ops.aten.from_file.default",
        "torch.ops.aten.save.default",
        "torch.ops.load_library",
        "torch.ops.aten.add.__init__",
        "torch.ops.aten.nothing.default",
        "torch.ops.evil.op.default",
        "torch.ops.higher_order.cond",
        "builtins.eval",
    ],
)
def test_an_operator_that_is_not_on_the_list_is_refused(saved, tmp_path, target):
    assert not is_known_operator(target)
    edit = in_json(PROGRAM, lambda content: content["graph_module"]["graph"]["nodes"][0].update(target=target))
    refused(rewritten(saved, tmp_path / "evil.pt2", edit), "operator")


@pytest.mark.parametrize(
    ("place", "text", "says"),
    [
        (("graph", "nodes", 0, "outputs", 0, "as_tensor", "name"), "x=__import__('os')", "name"),
        (("graph", "inputs", 0, "as_tensor", "name"), "x):\n  import os\n  def f(", "name"),
        (("graph", "nodes", 0, "inputs", 0, "name"), "input=print(1), y", "name"),
        (("signature", "input_specs", 0, "parameter", "parameter_name"), 'conv1", print(1))', "text"),
        (("module_call_graph", 0, "signature", "forward_arg_names", 0), "x=print(1)", "name"),
        (("module_call_graph", 0, "fqn"), "a\nb", "text"),
    ],
)
def test_a_name_that_would_be_written_into_code_is_refused(saved, tmp_path, place, text, says):
    def edit(content: dict[str, Any]) -> None:
        spot: Any = content["graph_module"]
        for step in place[:-1]:
            spot = spot[step]
        assert isinstance(spot[place[-1]], str)
        spot[place[-1]] = text

    refused(rewritten(saved, tmp_path / "evil.pt2", in_json(PROGRAM, edit)), f"holds the {says}")


@pytest.mark.parametrize(
    "spec",
    [
        {
            "type": "collections.defaultdict",
            "context": '{"default_factory_module": "antigravity"}',
            "children_spec": [],
        },
        {"type": "builtins.dict", "context": '[{"__enum__": true, "fqn": "antigravity:x"}]', "children_spec": []},
        {"type": "builtins.dict", "context": '["k=print(1)"]', "children_spec": []},
        {"type": ["builtins.dict"], "context": "null", "children_spec": []},
        "text",
    ],
)
def test_a_structure_that_imports_or_names_code_is_refused(saved, tmp_path, spec):
    def edit(content: dict[str, Any]) -> None:
        content["graph_module"]["module_call_graph"][0]["signature"]["in_spec"] = json.dumps([1, spec])

    refused(rewritten(saved, tmp_path / "evil.pt2", in_json(PROGRAM, edit)), "structure")


def test_guards_of_a_file_are_left_behind(saved, tmp_path):
    proof = tmp_path / "ran"
    guard = f"__import__('os').mkdir({str(proof)!r}) is None"
    path = rewritten(saved, tmp_path / "g.pt2", in_json(PROGRAM, lambda content: content.update(guards_code=[guard])))
    safe_load(path).module()(torch.ones(2, 1, 8, 8))
    assert not proof.exists()
    assert torch_runs(path, proof)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Symbol('s77', positive=True, integer=True)", True),
        ("Min(Integer(4), Mul(Integer(4), Symbol('s27')))", True),
        ("FloorDiv(Symbol('s0'), Integer(-2))", True),
        ("Mul('__import__', 2)", False),
        ("Symbol('a b')", False),
        ("Symbol(x for x in (1,))", False),
        ("(lambda: 1)()", False),
        ("Integer.__class__", False),
        ("Symbol(*'ab')", False),
        ("Symbol('s0', **{'a': 1})", False),
        ("s0 + 1", False),
        ("-" * 5000 + "1", False),
    ],
)
def test_plain_expressions(text, plain):
    assert is_plain_expression(text) is plain


# --- zip tricks


def test_a_zip_bomb_is_refused_by_ratio_and_by_size(saved, tmp_path):
    bomb = rewritten(saved, tmp_path / "b.pt2", put(extra__zeros=bytes(50_000_000)), zipfile.ZIP_DEFLATED)
    assert bomb.stat().st_size < 1_000_000
    refused(bomb, "more than 200 to 1")
    for door in (inspect, safe_load):
        with pytest.raises(InputError, match="unpacks to"):
            door(bomb, limits=Limits(ratio=1e9, total_bytes=10_000_000))
        with pytest.raises(InputError, match="bytes and at most 1000 are read"):
            door(saved, limits=Limits(file_bytes=1000))
        with pytest.raises(InputError, match="entries and at most 5 are read"):
            door(saved, limits=Limits(entries=5))


def test_a_bomb_inside_the_sample_inputs_is_refused(saved, tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as nested:
        nested.writestr("model/data.pkl", b"N.")
        nested.writestr("model/data/0", bytes(50_000_000))
    path = rewritten(saved, tmp_path / "b.pt2", lambda e: e.update({SAMPLES: buffer.getvalue()}))
    refused(path, "more than 200 to 1")


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "lenet/../../evil", "lenet/./x", "..", "lenet\\x", "lenet//x", "lenet/a\x00b", "C:/x", "lenet/ü"],
)
def test_paths_that_are_no_plain_names_are_refused(saved, tmp_path, name):
    path = tmp_path / "p.pt2"
    path.write_bytes(saved.read_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        info = zipfile.ZipInfo("placeholder")
        info.filename = name
        archive.writestr(info, b"x")
    refused(path, "not a plain name")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicates_links_and_second_folders_are_refused(saved, tmp_path):
    path = tmp_path / "p.pt2"
    link = zipfile.ZipInfo("lenet/extra/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    for entry, says in (
        ("lenet/archive_format", "two entries named"),
        (link, "linked entry"),
        ("other/extra/x", "2 top folders"),
        ("loose", "top folder"),
    ):
        path.write_bytes(saved.read_bytes())
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(entry, b"x")
        refused(path, says)


# --- tensors


def test_missing_and_empty_numbers_are_refused(saved, tmp_path):
    path = rewritten(saved, tmp_path / "t.pt2", lambda entries: entries.pop("data/weights/weight_0"))
    refused(path, "lacks 'data/weights/weight_0'")

    def huge(entries: dict[str, bytes]) -> None:
        in_json(WEIGHTS, lambda c: c["config"]["conv1.weight"]["tensor_meta"].update(sizes=[{"as_int": 2**40}]))(
            entries
        )
        entries["data/weights/weight_0"] = b""

    refused(rewritten(saved, tmp_path / "t.pt2", huge), "holds no numbers for 'conv1.weight'")
    refused(rewritten(saved, tmp_path / "t.pt2", lambda entries: entries.pop(PROGRAM)), "has no models/model.json")


def test_a_shape_larger_than_its_numbers_is_refused_by_torch_in_one_sentence(saved, tmp_path):
    edit = in_json(
        WEIGHTS, lambda config: config["config"]["fc1.bias"]["tensor_meta"].update(sizes=[{"as_int": 10_000}])
    )
    with pytest.raises(InputError, match="cannot be read by torch"):
        safe_load(rewritten(saved, tmp_path / "t.pt2", edit))


def test_a_payload_outside_the_archive_folder_is_refused(saved, tmp_path):
    edit = in_json(WEIGHTS, lambda config: config["config"]["fc1.bias"].update(path_name="../../secret"))
    refused(rewritten(saved, tmp_path / "t.pt2", edit), "where the numbers of 'fc1.bias' are")
