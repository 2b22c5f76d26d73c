"""DATA: every source on real bytes, every refusal with a sentence, and batches that a resumed run sees again."""

from __future__ import annotations

import gzip
import os
import pickle
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from geta_engine.data import Dataset, Input, Split, batch_indices, check, evaluate, parse
from geta_engine.data import load as load_data
from geta_engine.data.adapt import resize
from geta_engine.data.cifar10 import read_batch
from geta_engine.data.idx import read_idx
from geta_engine.data.sources import CIFAR10_FILES, FASHION_MNIST_DIR, IDX_FILES, absolute
from geta_engine.data.tasks.classification import Classification
from geta_engine.errors import InputError


def load(data: str, shape: tuple[int, ...], task: str = "auto") -> Dataset:
    """Fitted to a model of one floating input."""
    return load_data(data, [Input("x", shape)], task)


def idx_bytes(array: np.ndarray) -> bytes:
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(np.uint8).tobytes()


@pytest.fixture
def mnist_dir(tmp_path: Path) -> Path:
    """Real digits in the four files of MNIST; the test images gzipped as Debian ships them."""
    digits = load_digits()
    images, labels = digits.images * 15, digits.target
    parts = [images[:1000], labels[:1000], images[1000:], labels[1000:]]
    for name, part in zip(IDX_FILES, parts, strict=True):
        if name.startswith("t10k"):
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(idx_bytes(part)))
        else:
            (tmp_path / name).write_bytes(idx_bytes(part))
    return tmp_path


@pytest.fixture
def cifar_dir(tmp_path: Path) -> Path:
    """Real digits, scaled up, in the six files of CIFAR-10 as its authors pickled them (bytes keys, protocol 2)."""
    digits = load_digits()
    rgb = np.repeat(np.kron(digits.images[:120], np.ones((4, 4)))[:, None] * 15, 3, axis=1).astype(np.uint8)
    rows = rgb.reshape(120, 3072)
    for i, name in enumerate(CIFAR10_FILES):
        batch = {b"data": rows[i * 20 : (i + 1) * 20], b"labels": digits.target[i * 20 : (i + 1) * 20].tolist()}
        (tmp_path / name).write_bytes(pickle.dumps({**batch, b"batch_label": b"x"}, protocol=2))
    return tmp_path


def test_digits_are_normalised_split_and_always_the_same():
    data = load("digits", (1, 8, 8))
    assert data.train.inputs[0].shape == (1257, 1, 8, 8) and data.test.inputs[0].shape == (540, 1, 8, 8)
    assert data.train.inputs[0].dtype == torch.float32 and data.train.targets.dtype == torch.int64
    assert abs(float(data.train.inputs[0].mean())) < 1e-4 and abs(float(data.train.inputs[0].std()) - 1) < 1e-3
    assert data.num_classes == 10 and data.name == "digits"
    share = (
        data.train.targets.bincount() / data.train.targets.numel()
        - data.test.targets.bincount() / data.test.targets.numel()
    )
    assert share.abs().max() < 0.005
    assert torch.equal(load("digits", (1, 8, 8)).test.inputs[0], data.test.inputs[0])


def test_images_are_fitted_to_the_model():
    grey, flat = load("digits", (1, 8, 8)), load("digits", (64,))
    assert torch.equal(flat.train.inputs[0], grey.train.inputs[0].flatten(1))
    colour = load("digits", (3, 16, 16))
    assert colour.test.inputs[0].shape == (540, 3, 16, 16)
    assert torch.equal(colour.test.inputs[0][:, 0], colour.test.inputs[0][:, 2])
    assert resize(torch.ones(2, 3, 32, 32), (1, 8, 8), "x").shape == (2, 1, 8, 8)
    assert resize(torch.ones(2, 3, 32, 32), (64,), "x").shape == (2, 64)
    assert resize(torch.ones(2, 3, 32, 32), (192,), "x").shape == (2, 192)


@pytest.mark.parametrize(("x", "shape"), [((2, 3, 8, 8), (4, 8, 8)), ((2, 1, 8, 8), (63,)), ((2, 7), (1, 8, 8))])
def test_what_cannot_be_fitted_is_refused(x, shape):
    with pytest.raises(InputError, match="the model takes"):
        resize(torch.ones(x), shape, "x")


def test_a_data_set_too_large_for_memory_is_refused_before_it_is_built():
    with pytest.raises(InputError, match="GiB"):
        load("digits", (3, 2048, 2048))


def test_mnist_reads_idx_files_raw_and_gzipped(mnist_dir):
    data = load(f"mnist:{mnist_dir}", (1, 8, 8))
    assert data.train.inputs[0].shape == (1000, 1, 8, 8) and data.test.inputs[0].shape == (797, 1, 8, 8)
    assert data.test.targets.tolist() == load_digits().target[1000:].tolist()
    on_screen = load_digits().images[:1000] * 15
    expected = (on_screen.astype(np.uint8)[5] - on_screen.astype(np.uint8).mean()) / on_screen.astype(np.uint8).std()
    np.testing.assert_allclose(data.train.inputs[0][5, 0].numpy(), expected, atol=1e-4)


@pytest.mark.skipif(not FASHION_MNIST_DIR.is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
def test_fashion_mnist_of_the_debian_package():
    data = load("fashion-mnist", (1, 8, 8))
    assert data.train.inputs[0].shape == (60000, 1, 8, 8) and data.test.targets.bincount().tolist() == [1000] * 10


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"hello", "starts with"),
        (idx_bytes(np.zeros((2, 3)))[:-1], "only 5"),
        (idx_bytes(np.zeros((2, 3))) + b"x", "more"),
        (bytes([0, 0, 13, 2]) + bytes(12), "starts with"),
        (bytes([0, 0, 8, 2]) + struct.pack(">2I", 2**31, 2**31), "says that it holds"),
        (bytes([0, 0, 8, 2]) + struct.pack(">2I", 0, 3), "says that it holds 0"),
    ],
)
def test_a_broken_idx_file_is_refused(tmp_path, content, says):
    (tmp_path / "raw").write_bytes(content)
    (tmp_path / "packed.gz").write_bytes(gzip.compress(content))
    for name in ("raw", "packed.gz"):
        with pytest.raises(InputError, match=says):
            read_idx(tmp_path / name, ndim=2)


def test_damaged_gzip_and_labels_that_do_not_belong_are_refused(mnist_dir):
    (mnist_dir / IDX_FILES[1]).write_bytes(idx_bytes(np.zeros(999)))
    with pytest.raises(InputError, match="1000 train images and 999 labels"):
        load(f"mnist:{mnist_dir}", (1, 8, 8))
    (mnist_dir / IDX_FILES[1]).write_bytes(idx_bytes(np.full(1000, 11)))
    with pytest.raises(InputError, match="label 11"):
        load(f"mnist:{mnist_dir}", (1, 8, 8))
    broken = mnist_dir / f"{IDX_FILES[2]}.gz"
    broken.write_bytes(broken.read_bytes()[:200])
    with pytest.raises(InputError, match="cannot be read"):
        read_idx(broken, ndim=3)


def test_cifar10_reads_the_standard_batches(cifar_dir):
    data = load(f"cifar10:{cifar_dir}", (3, 32, 32))
    assert data.train.inputs[0].shape == (100, 3, 32, 32) and data.test.inputs[0].shape == (20, 3, 32, 32)
    assert data.test.targets.tolist() == load_digits().target[100:120].tolist()
    assert load(f"cifar10:{cifar_dir}", (1, 8, 8)).train.inputs[0].shape == (100, 1, 8, 8)


class Touch:
    """Unpickling it creates a file: what a malicious batch would do."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_would_run_code_does_not_run(cifar_dir, tmp_path, protocol):
    proof = tmp_path / "it-ran"
    batch = {b"data": Touch(proof), b"labels": []}
    (cifar_dir / "data_batch_3").write_bytes(pickle.dumps(batch, protocol=protocol))
    with pytest.raises(InputError, match=r"asks for posix\.mkdir"):
        load(f"cifar10:{cifar_dir}", (3, 32, 32))
    assert not proof.exists()
    pickle.loads((cifar_dir / "data_batch_3").read_bytes())
    assert proof.exists(), "the test's own pickle must be one that runs"


@pytest.mark.parametrize("stream", [b"", b"text", b"\x80\x02N", b"c_codecs\nencode\n(Vx\nVrot13\ntR.", b"I5\n."])
def test_a_damaged_batch_is_refused(tmp_path, stream):
    (tmp_path / "b").write_bytes(stream)
    with pytest.raises(InputError):
        read_batch(tmp_path / "b")


@pytest.mark.parametrize(
    "batch",
    [
        {b"data": np.zeros((2, 3072), np.float32), b"labels": [0, 1]},
        {b"data": np.zeros((2, 3071), np.uint8), b"labels": [0, 1]},
        {b"data": np.zeros((2, 3072), np.uint8), b"labels": [0, 10]},
        {b"data": np.zeros((2, 3072), np.uint8), b"labels": [0]},
    ],
)
def test_a_batch_of_other_shapes_is_refused(cifar_dir, batch):
    (cifar_dir / "test_batch").write_bytes(pickle.dumps(batch, protocol=2))
    with pytest.raises(InputError, match="test_batch has no"):
        load(f"cifar10:{cifar_dir}", (3, 32, 32))


def test_npz_of_images_and_of_features(tmp_path):
    digits = load_digits()
    np.savez(tmp_path / "images.npz", x=digits.images, y=digits.target)
    np.savez(tmp_path / "flat.npz", x=digits.data, y=digits.target)
    images, flat = load(f"npz:{tmp_path}/images.npz", (1, 8, 8)), load(f"npz:{tmp_path}/flat.npz", (64,))
    assert images.train.inputs[0].shape == (1257, 1, 8, 8) and flat.test.inputs[0].shape == (540, 64)
    assert torch.isfinite(flat.train.inputs[0]).all(), "a constant pixel must not divide by 0"
    assert torch.equal(images.test.inputs[0], load("digits", (1, 8, 8)).test.inputs[0])


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"a": np.zeros((4, 2)), "y": np.arange(4) % 2}, "has a and the model takes x: give an array"),
        ({"y": np.zeros(3)}, "no arrays but y"),
        ({"x": np.zeros((4, 2))}, "no y, so what to learn is open"),
        ({"x": np.zeros((4, 2)), "y": np.zeros(3, int)}, "shape"),
        ({"x": np.zeros((4, 2)), "y": np.zeros((4, 2), int)}, "classes as"),
        ({"x": np.zeros((4, 2)), "y": np.zeros((4, 2, 2))}, "numbers as"),
        ({"x": np.zeros((4, 2)), "y": np.array(list("abab"))}, "type <U1"),
        ({"x": np.zeros((1, 2)), "y": np.zeros(1)}, "cannot be split 70/30 "),
        ({"x": np.full((4, 2), np.nan), "y": np.zeros(4, int)}, "NaN"),
        ({"x": np.zeros((4, 2)), "y": np.array([0, -1, 0, 1])}, "label -1"),
        ({"x": np.zeros((4, 2)), "y": np.array([0, 1, 2, 3])}, "cannot be split"),
        ({"x": np.array([{}, {}], dtype=object), "y": np.zeros(2, int)}, "without unpickling"),
    ],
)
def test_a_bad_npz_is_refused(tmp_path, arrays, says):
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(InputError, match=says):
        load(f"npz:{tmp_path}/bad.npz", (2,))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("mnits:/x", "did you mean 'mnist'"),
        ("imagefolder:/x", "supported now: digits"),
        ("", "not a known source"),
        ("digits:/x", "give just 'digits'"),
        ("cifar10", "give cifar10:DIR"),
        ("npz", "give npz:FILE"),
        ("mnist:/not/here", "/not/here, which is not a directory"),
        ("fashion-mnist:/not/here", "dataset-fashion-mnist"),
        ("npz:/not/here.npz", "not a file"),
        ("distill:npz:/not/here.npz", "not a file"),
        ("distil", "did you mean 'distill'"),
        ("distill:", "give distill for random ones"),
        ("distill:distill", "give distill for random ones"),
        ("distill:nothing", "not a known source"),
        ("random", "not a known source"),
    ],
)
def test_a_source_that_is_not_there_is_refused(data, says):
    with pytest.raises(InputError, match=says) as caught:
        check(data)
    assert "\n" not in str(caught.value)


def test_missing_files_are_named(mnist_dir):
    (mnist_dir / IDX_FILES[1]).unlink()
    with pytest.raises(InputError, match=f"lacks {IDX_FILES[1]}:"):
        check(f"mnist:{mnist_dir}")
    assert parse(f"mnist:{mnist_dir}").path == mnist_dir


def test_a_place_becomes_absolute_wherever_it_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert absolute("distill:npz:a:b.npz") == f"distill:npz:{tmp_path}/a:b.npz"
    assert absolute("mnist:d") == f"mnist:{tmp_path}/d"
    assert [absolute(name) for name in ("digits", "distill", "distill:digits")] == [
        "digits",
        "distill",
        "distill:digits",
    ]
    assert parse("distill:npz:x.npz").distill and parse("distill:npz:x.npz").kind == "npz" and parse("distill").distill


def test_checking_imports_no_torch():
    code = "import sys, geta_engine.data as d; d.check('digits'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 200), batch=st.integers(1, 80), seed=st.integers(0, 2**31 - 1), epoch=st.integers(0, 5))
def test_an_epoch_of_batches_is_disjoint_and_full(n, batch, seed, epoch):
    size = min(n, batch)
    steps = n // size
    rows = [batch_indices(n, batch, seed, epoch * steps + k) for k in range(steps)]
    assert all(len(part) == size for part in rows)
    seen = torch.cat(rows)
    assert len(seen.unique()) == len(seen) and int(seen.min()) >= 0 and int(seen.max()) < n


def test_batches_depend_on_seed_and_step_alone():
    first = [batch_indices(1000, 64, 5, step) for step in range(40)]
    torch.rand(3)
    again = [batch_indices(1000, 64, 5, step) for step in reversed(range(40))][::-1]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], batch_indices(1000, 64, 6, 0))
    assert not torch.equal(first[0], first[15]), "the second epoch is another permutation"
    first[0].fill_(0)
    assert not torch.equal(first[0], batch_indices(1000, 64, 5, 0)), "a batch must not be a view of the cache"


def test_accuracy_counts_the_last_short_batch():
    x, y = torch.eye(5), torch.tensor([0, 1, 2, 3, 0])
    assert evaluate(Classification(), lambda inputs: inputs[0], Split((x,), y), rows=2) == 4 / 5


def test_a_model_with_another_number_of_scores_is_refused():
    data = load("digits", (64,))
    Classification().check(data, torch.zeros(3, 10))
    for shape in ((9,), (11,), (10, 2), ()):
        with pytest.raises(InputError, match="10 classes"):
            Classification().check(data, {"logits": torch.zeros(3, *shape)})
