"""`npz:FILE` that is damaged, foreign or too large: one sentence each, and nothing unpacked that does not fit."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from geta_engine.data import Input, load
from geta_engine.data import dataset as held
from geta_engine.errors import InputError


def refused(path: Path, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        load(f"npz:{path}", [Input("x", (3,))])
    assert "\n" not in str(caught.value)


def packed(path: Path, compression: int = zipfile.ZIP_DEFLATED, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)
    return path


def array(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


X = np.random.default_rng(0).normal(size=(40, 3))


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_a_damaged_archive_is_refused(tmp_path, compression):
    path = packed(tmp_path / "d.npz", compression, x_npy=array(X))
    whole = path.read_bytes()
    for at in range(30, 130, 4):
        path.write_bytes(whole[:at] + bytes([255, 255, 255, 255]) + whole[at + 4 :])
        refused(path, "cannot be read as .npz without unpickling|which is no array|give an array of the name")
    path.write_bytes(whole[: len(whole) // 2])
    refused(path, "cannot be read as .npz")


def test_an_unknown_compression_and_a_broken_header_are_refused(tmp_path):
    path = packed(tmp_path / "d.npz", zipfile.ZIP_STORED, x_npy=array(X))
    whole = bytearray(path.read_bytes())
    for at in (8, whole.rindex(b"PK\x01\x02") + 10):
        whole[at] = 99
    path.write_bytes(whole)
    refused(path, "cannot be read as .npz without unpickling .*compression")
    packed(path, x_npy=array(X).replace(b"(40, 3)", b"(40, 3 "))
    refused(path, "cannot be read as .npz")


def test_a_member_that_is_no_array_is_refused(tmp_path):
    path = packed(tmp_path / "d.npz", x_npy=array(X), y_npy=array(np.arange(40) % 2), readme_txt=b"these are mine")
    refused(path, "holds 'readme.txt', which is no array")


@pytest.mark.parametrize("arrays", [{"x": X[:, :0]}, {"x": X, "y": X[:, :0]}, {"x": X[:0], "y": X[:0]}])
def test_an_array_without_numbers_is_refused(tmp_path, arrays):
    np.savez(tmp_path / "d.npz", **arrays)
    refused(tmp_path / "d.npz", "and no size of 0")


def test_truth_values_are_classes(tmp_path):
    np.savez(tmp_path / "d.npz", x=X, y=X[:, 0] > 0)
    data = load(f"npz:{tmp_path}/d.npz", [Input("x", (3,))])
    assert data.task == "classification" and data.num_classes == 2
    assert data.train.targets is not None and data.train.targets.dtype == torch.int64
    assert load(f"npz:{tmp_path}/d.npz", [Input("x", (3,))], "regression").task == "regression"


def test_what_has_no_room_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(held, "MAX_BYTES", 2**20)
    path = packed(tmp_path / "d.npz", x_npy=array(np.zeros((2**16, 3))), y_npy=array(np.zeros(2**16)))
    content = path.read_bytes()
    path.write_bytes(content[:60] + bytes(40) + content[100:])
    assert len(content) < 2**16, "and it could not be unpacked"
    refused(path, "takes 2.0 MiB unpacked, and at most 1.0 MiB are held")
