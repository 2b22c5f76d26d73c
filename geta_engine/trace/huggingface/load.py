"""`hf:DIR`, a local Hugging Face directory, -> TracedModel: config.json says which of transformers' classes it is.

Nothing that comes with the directory is run or unpickled (see `directory`), and nothing is fetched. Code that an
`auto_map` names is ignored: the class is transformers' own, and one that it lacks is refused.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from geta_engine.errors import InputError
from geta_engine.trace.huggingface.directory import CONFIG, clean_copy, read_settings
from geta_engine.trace.huggingface.inputs import REMEDY, example_inputs
from geta_engine.trace.traced import TracedModel, trace

_INTERMEDIATE = frozenset(
    {"loss", "aux_loss", "encoder_last_hidden_state", "text_model_output", "vision_model_output", "past_key_values"}
)
"""What models return on the way: an output pins the channels it shows, so only results are kept."""
_SHOWN = 3


def load_directory(directory: str, shape: tuple[int, ...] | None = None, meta: bool = False) -> TracedModel:
    """Build the model in float32 and eval mode, without a cache, and trace it on inputs made from its config.

    Parameters keep the model's own names. The inputs are positional, in the order of forward; the output is the one
    tensor it returns (logits), or a dictionary of tensors where there are several. With `meta` only config.json is
    read and every tensor is on the meta device. `shape`, rows first, replaces that of the main input.

    Raises:
        InputError: the directory, its config or its weights cannot be used, transformers is not installed, or the
            inputs cannot be guessed; with one sentence.
    """
    folder = Path(directory).expanduser()
    settings = read_settings(folder, directory)
    with _offline(_library()), clean_copy(folder, directory, settings, meta) as clean:
        model_class = _model_class(settings, directory)
        model = _build(model_class, clean, directory, meta)
        inputs = example_inputs(model, shape)
        device = torch.device("meta" if meta else "cpu")
        _return_tensors(model, tuple(inputs))
        given = tuple(tensor.to(device) for tensor in inputs.values())
        try:
            with device if meta else nullcontext():
                return trace(model, given, name=folder.resolve().name)
        except InputError as error:
            shapes = ", ".join(f"{name} {list(tensor.shape)}" for name, tensor in inputs.items())
            raise InputError(f"hf:{directory} was given {shapes}, and {_first_clause(error)}: {REMEDY}") from error


def _first_clause(error: InputError) -> str:
    return str(error).rpartition(": give ")[0] or str(error)


def _library() -> ModuleType:
    """transformers. Raises InputError when it is not there, or older than version 5."""
    remedy = "pip install 'geta-studio[hf]'"
    try:
        import transformers
    except Exception as error:  # whatever a broken neighbour (torchvision, say) raises when it is imported
        raise InputError(f"hf:DIR needs transformers, which cannot be imported ({_reason(error)}): {remedy}") from error
    if int(transformers.__version__.partition(".")[0]) < 5:
        raise InputError(f"hf:DIR needs transformers 5 and {transformers.__version__} is installed: {remedy}")
    return transformers


@contextmanager
def _offline(transformers: ModuleType) -> Iterator[None]:
    """No network, no warnings, no progress bars of the library, for as long as this lasts."""
    from huggingface_hub import constants

    logs = transformers.utils.logging
    verbosity, bars, offline = logs.get_verbosity(), logs.is_progress_bar_enabled(), constants.HF_HUB_OFFLINE
    logs.set_verbosity(logs.CRITICAL)
    logs.disable_progress_bar()
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = offline
        logs.set_verbosity(verbosity)
        if bars:
            logs.enable_progress_bar()


def _model_class(settings: Mapping[str, Any], directory: str) -> Any:
    """The class that `architectures` names, else the base model of `model_type`; transformers' own, or InputError."""
    import transformers

    names, kind, what = settings.get("architectures"), settings.get("model_type"), f"hf:{directory}"
    try:
        model_class = _looked_up(names[0] if isinstance(names, list) and names else None, kind)
    except Exception as error:
        raise InputError(
            f"{what} says {names or kind}, which cannot be imported ({_reason(error)}): mend that"
        ) from error
    if getattr(model_class, "_backends", None):
        raise InputError(
            f"{what} says {names}, which needs {', '.join(model_class._backends)} too: install what is missing"
        )
    if not (
        isinstance(model_class, type)
        and issubclass(model_class, transformers.PreTrainedModel)
        and model_class.config_class
    ):
        raise InputError(
            f"{what} says architectures {names} and model_type {kind!r}, which transformers {transformers.__version__} "
            f"does not have, and no code of the directory is run: {REMEDY}"
        )
    if (
        kind
        and kind != model_class.config_class.model_type
        and model_class.config_class.base_config_key not in settings
    ):
        raise InputError(f"{what} says model_type {kind!r} and {names}, which do not belong together: mend {CONFIG}")
    return model_class


def _looked_up(name: Any, kind: Any) -> Any:
    import transformers

    if name is not None:
        return getattr(transformers, name, None) if isinstance(name, str) else None
    if kind not in transformers.CONFIG_MAPPING:
        return None
    bases = transformers.models.auto.modeling_auto.MODEL_MAPPING
    model_class: Any = bases.get(transformers.CONFIG_MAPPING[kind], None)
    return model_class[0] if isinstance(model_class, (tuple, list)) else model_class


def _build(model_class: Any, clean: Path, directory: str, meta: bool) -> nn.Module:
    """The model with its weights, or on the meta device without."""
    try:
        config = model_class.config_class.from_pretrained(clean, local_files_only=True)
        _without_cache(config)
        config._experts_implementation = "batched_mm"  # the one form of experts that is plain ATen
        if meta:
            with torch.device("meta"):
                return model_class(config).to("meta").eval()
        model, loading = model_class.from_pretrained(
            clean,
            config=config,
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    except Exception as error:
        raise InputError(
            f"hf:{directory} cannot be made a {model_class.__name__} ({_reason(error)}): mend {CONFIG} or the weights"
        ) from error
    _check_fit(loading, f"hf:{directory}")
    return model.eval()


def _without_cache(config: Any) -> None:
    for part in (config, *(getattr(config, key, None) for key in config.sub_configs)):
        if getattr(part, "use_cache", None):
            part.use_cache = False


def _check_fit(loading: Mapping[str, Any], what: str) -> None:
    """Raises InputError unless every parameter was in the files (or is tied to one that was), in its shape."""
    wrong = [f"{name} is {list(a)} and should be {list(b)}" for name, a, b in sorted(loading["mismatched_keys"])]
    wrong += [f"{name} is missing" for name in sorted(loading["missing_keys"])]
    if wrong:
        more = f", and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise InputError(
            f"{what} has weights that do not fit its {CONFIG} ({'; '.join(wrong[:_SHOWN])}{more}): "
            "give the config and the weights of one model"
        )


def _return_tensors(model: nn.Module, names: tuple[str, ...]) -> None:
    """Give this one model a forward that takes `names` and returns tensors; its parameters keep their names."""
    original = model.forward
    parameters = inspect.signature(original).parameters
    options = {"use_cache": False} if "use_cache" in parameters else {}

    def forward(*args: Tensor, **kwargs: Tensor) -> Any:
        return _tensors(original(**signature.bind(*args, **kwargs).arguments, **options))

    signature = inspect.Signature([inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names])
    forward.__signature__ = signature  # type: ignore[attr-defined]
    model.forward = forward


def _tensors(output: Any) -> Any:
    """{logits: tensor, past_key_values: cache} -> tensor; {a: tensor, b: tensor} stays a dictionary of the two.

    Beside logits only predictions are kept (pred_boxes of a detector, other logits): hidden states are on the way.
    """
    if isinstance(output, Tensor):
        return output
    fields = dict(output) if isinstance(output, Mapping) else {f"output_{i}": value for i, value in enumerate(output)}
    kept = {name: value for name, value in fields.items() if isinstance(value, Tensor) and name not in _INTERMEDIATE}
    if "logits" in kept:
        kept = {name: value for name, value in kept.items() if name.startswith("pred_") or name.endswith("logits")}
    if not kept:
        lists = ((name, value) for name, value in fields.items() if isinstance(value, (tuple, list)))
        kept = {f"{n}_{i}": x for n, value in lists for i, x in enumerate(value) if isinstance(x, Tensor)}
    return next(iter(kept.values())) if len(kept) == 1 else kept


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300].rstrip(".: ") if lines else type(error).__name__
