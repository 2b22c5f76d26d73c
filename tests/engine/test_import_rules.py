"""Import rules that a linter cannot see: what is really loaded, and what the public names are."""

from __future__ import annotations

import subprocess
import sys

import pytest

import geta_engine as ge
from geta_engine.errors import InputError


@pytest.mark.parametrize(
    "module", ["geta_studio.server.app", "geta_engine.store.runs", "geta_engine.drawing.layout", "geta_engine.cli.app"]
)
def test_importing_loads_no_torch(module):
    code = f"import sys, {module}; assert 'torch' not in sys.modules, 'torch was imported'"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_public_names_are_the_functions_even_after_their_rooms_are_imported():
    import geta_engine.compact.verify
    import geta_engine.cost  # noqa: F401

    for name in ("trace", "load", "analyze", "prepare", "compact", "verify", "cost", "export"):
        assert callable(getattr(ge, name)) and not hasattr(getattr(ge, name), "__path__")


def test_export_writes_what_plain_torch_reads(tmp_path):
    import torch

    (path,) = ge.export(ge.load("mlp"), tmp_path)
    assert torch.export.load(path).module()(torch.zeros(2, 64)).shape == (2, 10)
    with pytest.raises(InputError, match="format 'exe' is not known"):
        ge.export(ge.load("mlp"), tmp_path, formats=("exe",))
