"""The models of `benchmarks/qadg.py`: name -> model in eval mode with example inputs, built when asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geta_engine.quant.fake_quant import fake_quantize
from geta_engine.zoo.resnet import WIDE, Bottleneck, ResNet

BATCH, TOKENS, VOCABULARY = 2, 128, 1000


@dataclass(frozen=True)
class Built:
    """A model with its example inputs; `extra` are keyword inputs that only Torch-Pruning's eager forward needs.

    With `free_batch` the batch is a free size of the export, which costs half as much again where quantizers are
    expanded.
    """

    model: nn.Module
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    free_batch: bool = True


class ImageNetResNet(ResNet):
    """The zoo's ResNet with the 7 x 7 stem and the max-pool of He et al. 2015, table 1."""

    def __init__(self) -> None:
        super().__init__(Bottleneck, (3, 4, 6, 3), WIDE, in_channels=3, num_classes=1000, image_size=224)
        self.conv1 = nn.Conv2d(3, WIDE[0], 7, stride=2, padding=3, bias=False)

    def stem(self, x: Tensor) -> Tensor:
        return F.max_pool2d(super().stem(x), 3, stride=2, padding=1)


class DenseLayer(nn.Module):
    """`[x, conv3(relu(bn(conv1(relu(bn(x))))))]`: what came in, and 32 new channels."""

    def __init__(self, channels: int, growth: int = 32) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(channels), nn.Conv2d(channels, 4 * growth, 1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(4 * growth), nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        new = self.conv1(F.relu(self.norm1(x)))
        return torch.cat([x, self.conv2(F.relu(self.norm2(new)))], 1)


def densenet121() -> Built:
    """Huang et al. 2017: blocks of 6, 12, 24 and 16 layers; a transition between halves channels and image."""
    stem = [nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    layers: list[nn.Module] = [*stem, nn.MaxPool2d(3, stride=2, padding=1)]
    channels = 64
    for depth in (6, 12, 24, 16):
        if channels != 64:
            halved = nn.Conv2d(channels, channels // 2, 1, bias=False)
            layers += [nn.BatchNorm2d(channels), nn.ReLU(), halved, nn.AvgPool2d(2)]
            channels //= 2
        layers += [DenseLayer(channels + 32 * i) for i in range(depth)]
        channels += 32 * depth
    head = [nn.BatchNorm2d(channels), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000)]
    return Built(nn.Sequential(*layers, *head), _image())


class PreNormBlock(nn.Module):
    """`x + attention(norm(x))`, then `x + mlp(norm(x))`."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, T, width]` -> the same shape."""
        split = self.qkv(self.norm1(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(*split.unbind(0))
        x = x + self.proj(attended.transpose(1, 2).flatten(2))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


def prenorm(depth: int, width: int = 128, heads: int = 4) -> Built:
    """A pre-norm transformer of `depth` blocks: tokens `[B, T]` -> ten scores a token."""
    blocks = [PreNormBlock(width, heads) for _ in range(depth)]
    return Built(
        nn.Sequential(nn.Embedding(VOCABULARY, width), *blocks, nn.LayerNorm(width), nn.Linear(width, 10)),
        (torch.randint(VOCABULARY, (BATCH, TOKENS)),),
    )


def resnet50() -> Built:
    return Built(ImageNetResNet(), _image())


def bert_base() -> Built:
    from transformers import BertConfig, BertForQuestionAnswering

    mask = torch.ones(BATCH, TOKENS, dtype=torch.long)
    return Built(BertForQuestionAnswering(BertConfig()), kwargs=_tokens() | {"attention_mask": mask})


def vit_base() -> Built:
    from transformers import ViTConfig, ViTForImageClassification

    return Built(ViTForImageClassification(ViTConfig()), kwargs={"pixel_values": _image()[0]})


def gpt2() -> Built:
    from transformers import GPT2Config, GPT2LMHeadModel

    return Built(GPT2LMHeadModel(GPT2Config(use_cache=False)), kwargs=_tokens())


def llama_gqa() -> Built:
    """12 layers of width 768: 12 query heads share 4 key/value heads."""
    from transformers import LlamaConfig, LlamaForCausalLM

    shape: dict[str, Any] = {"hidden_size": 768, "intermediate_size": 2048, "num_hidden_layers": 12}
    heads: dict[str, Any] = {"num_attention_heads": 12, "num_key_value_heads": 4}
    return Built(LlamaForCausalLM(LlamaConfig(**shape, **heads, use_cache=False)), kwargs=_tokens())


def qwen3_8b() -> Built:
    """The shape of Qwen3-8B on the meta device: 8.2 billion parameters that hold no memory."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    shape: dict[str, Any] = {"hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36}
    heads: dict[str, Any] = {"num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128}
    ends: dict[str, Any] = {"vocab_size": 151936, "tie_word_embeddings": False}
    with torch.device("meta"):
        model = Qwen3ForCausalLM(Qwen3Config(**shape, **heads, **ends, use_cache=False))
        tokens = torch.zeros(BATCH, TOKENS, dtype=torch.long)
        # run eagerly, the model reads its tokens' positions, which meta tensors do not have, unless given a mask
        mask = torch.zeros(BATCH, 1, TOKENS, TOKENS)
    return Built(model, kwargs={"input_ids": tokens}, extra={"attention_mask": mask})


class QuantizedConv2d(nn.Conv2d):
    """A convolution as quantization-aware training writes it by hand: its weight and its input are fake-quantized."""

    def forward(self, x: Tensor) -> Tensor:
        x, weight = _quantized(self, x)
        return F.conv2d(x, weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class QuantizedLinear(nn.Linear):
    """A linear layer whose weight and input are fake-quantized."""

    def forward(self, x: Tensor) -> Tensor:
        x, weight = _quantized(self, x)
        return F.linear(x, weight, self.bias)


def quantize_layers(model: nn.Module) -> nn.Module:
    """Every convolution and linear layer of `model` becomes a quantized one, in place."""
    kinds: dict[type[nn.Module], type[nn.Module]] = {nn.Conv2d: QuantizedConv2d, nn.Linear: QuantizedLinear}
    for layer in model.modules():
        if type(layer) in kinds:
            layer.__class__ = kinds[type(layer)]
            for name, value in (("weight_d", 0.01), ("weight_q_m", 1.0), ("input_d", 0.01), ("input_q_m", 4.0)):
                layer.register_parameter(name, nn.Parameter(torch.tensor(value)))
    return model


def _quantized(layer: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    weight = fake_quantize(layer.weight, layer.weight_d, layer.weight_q_m)
    return fake_quantize(x, layer.input_d, layer.input_q_m), weight


def _image() -> tuple[Tensor]:
    return (torch.randn(BATCH, 3, 224, 224),)


def _tokens() -> dict[str, Tensor]:
    return {"input_ids": torch.randint(VOCABULARY, (BATCH, TOKENS))}


MODELS: dict[str, Callable[[], Built]] = {
    "resnet50": resnet50,
    "bert": bert_base,
    "vit": vit_base,
    "gpt2": gpt2,
    "llama": llama_gqa,
    "densenet121": densenet121,
    "qwen3_8b": qwen3_8b,
}
