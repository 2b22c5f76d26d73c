"""A Hugging Face directory from a stranger -> what transformers may read of it.

Config files can name code (auto_map), kernels (attn_implementation) and files elsewhere; weights can be pickles. So,
as with a `.pt2`, the library reads a fresh folder that holds what was accepted here: the config without such keys,
and links to the safetensors. What was not accepted is not there to be loaded.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from geta_engine.errors import InputError

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
_DROPPED = frozenset(
    {
        *("auto_map", "custom_pipelines", "custom_generate", "transformers_weights", "fusion_config", "kernel_config"),
        *("attn_implementation", "_attn_implementation", "_attn_implementation_internal", "_flash_attn_2_enabled"),
        *("experts_implementation", "_experts_implementation", "_experts_implementation_internal", "_name_or_path"),
        *("distributed_config", "dtype", "torch_dtype", "return_dict", "output_hidden_states", "output_attentions"),
    }
)
"""Keys of a config that could name code, kernels or files elsewhere, or that change what forward returns."""
_NOT_PRETRAINED = ("use_pretrained_backbone", "use_pretrained")


def read_settings(folder: Path, directory: str) -> dict[str, Any]:
    """config.json without what is not to be followed. Raises InputError when there is none that can be read."""
    what = f"hf:{directory}"
    if not folder.is_dir():
        raise InputError(f"{what} is not a directory here, and nothing is downloaded: give the path of a local one")
    file = folder / CONFIG
    if not file.is_file():
        raise InputError(f"{what} has no {CONFIG}: give a directory that save_pretrained of transformers wrote")
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = type(error).__name__ if isinstance(error, RecursionError) else error
        raise InputError(f"{what} has a {CONFIG} that is not JSON ({reason}): write it again") from None
    if not isinstance(settings, dict):
        raise InputError(f"{what} has a {CONFIG} that is no JSON object: write it again with save_pretrained")
    if _mentions(settings, "quantization_config"):
        raise InputError(f"{what} holds weights that are quantized already: give the directory of the float model")
    return _cleaned(settings)


def _mentions(value: Any, name: str) -> bool:
    """Whether a key `name` has a value, at any depth: parts of a composite model have configs of their own."""
    if isinstance(value, dict):
        return bool(value.get(name)) or any(_mentions(item, name) for item in value.values())
    return isinstance(value, list) and any(_mentions(item, name) for item in value)


def _cleaned(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: _cleaned(item) for key, item in value.items() if key not in _DROPPED}
        return {key: False if key in _NOT_PRETRAINED else item for key, item in kept.items()}
    return [_cleaned(item) for item in value] if isinstance(value, list) else value


@contextmanager
def clean_copy(folder: Path, directory: str, settings: dict[str, Any], meta: bool) -> Iterator[Path]:
    """The folder that transformers reads: the cleaned config, and links to the safetensors."""
    with tempfile.TemporaryDirectory() as name:
        clean = Path(name)
        (clean / CONFIG).write_text(json.dumps(settings))
        if not meta:
            _link_weights(folder.resolve(), clean, f"hf:{directory}")
        yield clean


def _link_weights(folder: Path, clean: Path, what: str) -> None:
    """model.safetensors, or the shards of its index under names of our own, or the one safetensors file there is.

    Raises:
        InputError: there are none, or the index is broken, or names what is not a safetensors file of the folder.
    """
    lone = sorted(folder.glob("*.safetensors"))
    if (folder / WEIGHTS).is_file():
        lone = [folder / WEIGHTS]
    elif (folder / INDEX).is_file():
        return _link_shards(folder, clean, what)
    if len(lone) == 1:
        return (clean / WEIGHTS).symlink_to(lone[0])
    if lone:
        raise InputError(
            f"{what} has {len(lone)} safetensors files and no {INDEX}: add the index that names the shards"
        )
    pickled = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt") for path in folder.glob(pattern))
    held = f"holds only pickled weights ({pickled[0]}), which are never opened" if pickled else "has no safetensors"
    raise InputError(f"{what} {held}: write the weights as {WEIGHTS}, or analyze the config alone with --meta")


def _link_shards(folder: Path, clean: Path, what: str) -> None:
    try:
        file_of = json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"]
        names = sorted(set(file_of.values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InputError(f"{what} has a {INDEX} without a usable weight_map: write it with save_pretrained") from None
    for name in names:
        if not isinstance(name, str) or Path(name).name != name or not name.endswith(".safetensors"):
            raise InputError(f"{what} has a {INDEX} that names {name!r}: only safetensors beside it are opened")
        if not (folder / name).is_file():
            raise InputError(f"{what} lacks {name}, which its {INDEX} names: add the missing shard")
    shards = {name: f"model-{i + 1:05d}-of-{len(names):05d}.safetensors" for i, name in enumerate(names)}
    for name, linked in shards.items():
        (clean / linked).symlink_to(folder / name)
    index = {"metadata": {}, "weight_map": {key: shards[name] for key, name in file_of.items()}}
    (clean / INDEX).write_text(json.dumps(index))
