"""Example inputs of a Hugging Face model, made from its config and the signature of its forward."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from geta_engine.errors import InputError

BATCH = 2
"""Rows: more than one, because torch.export takes a size of 1 for a constant."""
TOKENS = 16
SAMPLES = 4000
"""Length of a waveform: a quarter of a second at 16 kHz, enough for the convolutions of wav2vec 2.0."""
FRAMES = 128
"""Length of a spectrogram, where the config fixes none."""
REMEDY = "give file.py:factory that returns (model, args, kwargs) with inputs of its own"
_PARTS = {
    "text": ("text_config", "decoder"),
    "image": ("vision_config", "image_config", "encoder", "backbone_config"),
    "audio": ("audio_config", "encoder_config", "encoder"),
}
"""Where a composite config keeps what one kind of input looks like."""
_IMAGE_TOKENS = ("image_token_id", "image_token_index")
_AUDIO_TOKENS = ("audio_token_id", "audio_token_index")


def example_inputs(model: nn.Module, shape: tuple[int, ...] | None = None) -> dict[str, Tensor]:
    """Name -> tensor on the CPU, in the order of `model.forward`: a batch of two of every kind the model takes.

    BERT gets input_ids and attention_mask, int64 [2, 16]; ViT gets pixel_values [2, 3, 224, 224]; Whisper gets
    input_features [2, 80, 3000] and decoder_input_ids; CLIP gets text and image. `shape`, rows first, replaces that
    of the main input.

    Raises:
        InputError: the model requires an input that its config does not describe.
    """
    parameters = inspect.signature(model.forward).parameters
    main, rows = _main_input(model, parameters), shape[0] if shape else BATCH
    made: dict[str, Tensor] = {}
    for name in _wanted(model, main, parameters):
        try:
            made[name] = _MAKERS[name](_Request(model.config, rows, shape if name == main else None))
        except (AttributeError, TypeError, ValueError, RuntimeError) as error:
            raise _unknown(model, [name]) from error
    made = _with_image_tokens(model, made)
    if "input_ids" in made and "attention_mask" in parameters:
        made["attention_mask"] = torch.ones_like(made["input_ids"])
    return {name: made[name] for name in parameters if name in made}


def _main_input(model: nn.Module, parameters: Mapping[str, inspect.Parameter]) -> str:
    """The model's own `main_input_name`, or the first input of forward that can be made."""
    supported = [name for name in parameters if name in _MAKERS and name != "decoder_input_ids"]
    main_name = getattr(model, "main_input_name", None)
    if not supported:
        raise _unknown(model, _required(parameters) or [str(main_name)])
    return main_name if main_name in supported else supported[0]


def _required(parameters: Mapping[str, inspect.Parameter]) -> list[str]:
    return [
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]


def _wanted(model: nn.Module, main: str, parameters: Mapping[str, inspect.Parameter]) -> list[str]:
    """What forward requires, the main input, and its partners: text with image or sound, and a decoder's tokens."""
    required = _required(parameters)
    unknown = [name for name in required if name not in _MAKERS and name != "attention_mask"]
    if unknown:
        raise _unknown(model, unknown)
    wanted = {main, *(name for name in required if name in _MAKERS)}
    if "input_ids" in parameters and "decoder_input_ids" not in parameters:
        partners = ["input_ids", "pixel_values"]
        if not _has_token(model, _AUDIO_TOKENS):
            partners += ["input_features", "input_values"]
        wanted |= {name for name in partners if name in parameters}
    if getattr(model.config, "is_encoder_decoder", False) and "decoder_input_ids" in parameters:
        wanted.add("decoder_input_ids")
    return [name for name in parameters if name in wanted]


def _unknown(model: nn.Module, names: list[str]) -> InputError:
    return InputError(
        f"{type(model).__name__} requires {', '.join(names)}, which config.json does not describe: {REMEDY}"
    )


def _has_token(model: nn.Module, names: tuple[str, ...]) -> bool:
    return any(getattr(model.config, name, None) is not None for name in names)


def _with_image_tokens(model: nn.Module, made: dict[str, Tensor]) -> dict[str, Tensor]:
    """Where image features replace tokens of the text, as many of these; text alone where that cannot be counted."""
    if not {"input_ids", "pixel_values"} <= made.keys() or not _has_token(model, _IMAGE_TOKENS):
        return made
    token = next(getattr(model.config, name) for name in _IMAGE_TOKENS if getattr(model.config, name, None) is not None)
    device = next(model.parameters()).device
    try:
        with torch.no_grad(), device:
            features = cast(Any, model).get_image_features(pixel_values=made["pixel_values"].to(device)).pooler_output
        count = sum(len(image) for image in features) // len(made["pixel_values"])
    except Exception:
        return {name: tensor for name, tensor in made.items() if name != "pixel_values"}
    images = torch.full((len(made["input_ids"]), count), int(token), device="cpu")
    return {**made, "input_ids": torch.cat([images, made["input_ids"]], dim=1)}


@dataclass(frozen=True)
class _Request:
    """What a maker reads. `shape` is that of the whole tensor, where the user gave it."""

    config: Any
    rows: int
    shape: tuple[int, ...] | None = None

    def field(self, kind: str, *names: str, default: Any = None) -> Any:
        """The first of `names` that the parts for `kind`, or else the whole config, give a value."""
        parts = [getattr(self.config, part, None) for part in _PARTS[kind]]
        values = (getattr(part, name, None) for part in (*parts, self.config) for name in names)
        return next((value for value in values if value is not None), default)

    def floats(self, *sizes: int) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        return torch.randn(self.shape or (self.rows, *sizes), generator=generator, device="cpu")


def _tokens(request: _Request) -> Tensor:
    """[rows, tokens] from the middle of the vocabulary: special tokens lie at its ends."""
    words = int(request.field("text", "vocab_size", default=4))
    longest = int(request.field("text", "max_position_embeddings", default=TOKENS))
    shape = request.shape or (request.rows, min(TOKENS, longest) if longest > 0 else TOKENS)
    low, high = words // 4, max(words // 2, words // 4 + 1)
    return torch.randint(low, high, shape, generator=torch.Generator().manual_seed(0), device="cpu")


def _image(request: _Request) -> Tensor:
    """[rows, channels, height, width], with frames before channels where the config counts them."""
    frames = request.field("image", "num_frames")
    return request.floats(*([int(frames)] if frames else []), *_picture(request))


def _video(request: _Request) -> Tensor:
    return request.floats(request.field("image", "num_frames", "frames_per_clip", default=16), *_picture(request))


def _picture(request: _Request) -> tuple[int, int, int]:
    channels = request.field("image", "num_channels", "in_channels", "in_chans", default=3)
    size = request.field("image", "image_size", "img_size", "crop_size", default=224)
    if isinstance(size, dict):
        size = (size.get("height", 224), size.get("width", 224))
    height, width = size if isinstance(size, (list, tuple)) else (size, size)
    return int(channels), int(height), int(width)


def _waveform(request: _Request) -> Tensor:
    """[rows, samples], with channels where the config counts them; [rows, frames, bins] for AST's spectrogram."""
    bins, frames = request.field("audio", "num_mel_bins"), request.field("audio", "max_length")
    channels = request.field("audio", "audio_channels")
    if bins and frames:
        return request.floats(frames, bins)
    return request.floats(*([channels] if channels else []), SAMPLES)


def _spectrogram(request: _Request) -> Tensor:
    """[rows, bins, frames] as Whisper takes it, whose positions fix the frames; [rows, frames, bins] elsewhere."""
    bins, positions = request.field("audio", "num_mel_bins"), request.field("audio", "max_source_positions")
    if bins and positions:
        return request.floats(bins, 2 * positions)
    names = ("feature_projection_input_dim", "input_feat_per_channel", "input_dim", "num_mel_bins")
    return request.floats(FRAMES, request.field("audio", *names, default=80))


def _series(request: _Request) -> Tensor:
    return request.floats(request.config.context_length, request.config.num_input_channels)


_MAKERS: dict[str, Callable[[_Request], Tensor]] = {
    "input_ids": _tokens,
    "decoder_input_ids": _tokens,
    "pixel_values": _image,
    "pixel_values_videos": _video,
    "input_values": _waveform,
    "input_features": _spectrogram,
    "past_values": _series,
}
"""Input of forward -> how to make it."""
