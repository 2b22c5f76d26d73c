"""Vision architectures of the `transformers` library, small and with random weights.

Sizes are distinct within a row (tokens, heads, head size, hidden, intermediate, labels), so that no two dims can be
taken for one another by accident.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from tests.engine.architectures.row import Architecture, Built

LABELS = 7
Build = Callable[[], Built]


class Only(nn.Module):
    """A model that returns the named fields of its output alone, so that no hidden state is pinned as an output."""

    def __init__(self, model: nn.Module, *fields: str) -> None:
        super().__init__()
        self.model = model
        self.fields = fields

    def forward(
        self,
        pixel_values: Tensor,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        noise: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask, "noise": noise}
        given = {name: value for name, value in inputs.items() if value is not None}
        output = self.model(pixel_values=pixel_values, **given)
        return tuple(output[field] for field in self.fields)


class WithoutCache(nn.Module):
    """LeViT in eval mode keeps its gathered attention biases from one call to the next: once called, it would be traced
    with biases that are constants. This forgets them before every call."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixel_values: Tensor) -> Tensor:
        for module in self.modules():
            if hasattr(module, "attention_bias_cache"):
                module.attention_bias_cache = {}
        return self.model(pixel_values).logits


@torch.no_grad()
def lively(model: nn.Module, inputs: Mapping[str, Tensor]) -> nn.Module:
    """Move every parameter off its initial value: no zero bias, no layer scale of 1e-6, no branch too small to matter.

    Weights are drawn as in He et al. 2015, eq. 10; batch norms take the statistics of `inputs`, frozen ones random.
    """
    for parameter in model.parameters():
        fan_in = parameter[0].numel() if parameter.ndim > 1 else 1
        if fan_in > 1:
            parameter.normal_(0, math.sqrt(2 / fan_in))
        else:
            parameter.add_(0.1 * torch.randn_like(parameter))
    for name, buffer in model.named_buffers():
        if name.endswith(("running_mean", "bias")):
            buffer.add_(0.1 * torch.randn_like(buffer))
        elif name.endswith(("running_var", "weight")):
            buffer.mul_(0.5 + torch.rand_like(buffer))
    model.eval()
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]
    hooks = [norm.register_forward_pre_hook(set_running_statistics) for norm in norms]
    model(**inputs)
    for hook in hooks:
        hook.remove()
    return model


def set_running_statistics(norm: nn.Module, inputs: tuple[Tensor]) -> None:
    """Set a batch norm's running statistics to those of what it is about to see; 1e-3 keeps them off zero."""
    channels = inputs[0].transpose(0, 1).flatten(1)
    norm.running_mean.copy_(channels.mean(1))
    norm.running_var.copy_(channels.var(1) + 1e-3)


def images(height: int, width: int | None = None) -> Tensor:
    return torch.randn(2, 3, height, width or height)


def hf(stem: str, size: int | tuple[int, int], head: str = "ForImageClassification", **config: Any) -> Build:
    """A builder of `{stem}{head}` on two images of `size`; an int is a square image."""

    def build() -> Built:
        import transformers

        torch.manual_seed(0)
        made = getattr(transformers, f"{stem}Config")(num_labels=LABELS, **config)
        model = getattr(transformers, f"{stem}{head}")(made)
        kwargs = {"pixel_values": images(*((size, size) if isinstance(size, int) else size))}
        return lively(model, kwargs), (), kwargs

    return build


def levit() -> Built:
    model, args, kwargs = hf(
        "Levit",
        96,
        image_size=96,
        hidden_sizes=(32, 48, 80),
        num_attention_heads=(4, 6, 10),
        depths=(2, 2, 2),
        key_dim=(8, 8, 8),
        mlp_ratio=(2, 3, 2),
    )()
    return WithoutCache(model).eval(), args, kwargs


def clip() -> Built:
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(0)
    text = {"vocab_size": 61, "hidden_size": 32, "intermediate_size": 56, "max_position_embeddings": 11}
    text |= {"num_hidden_layers": 2, "num_attention_heads": 4}
    text |= {"bos_token_id": 58, "eos_token_id": 59, "pad_token_id": 60}
    vision = {"hidden_size": 40, "intermediate_size": 72, "image_size": 32, "patch_size": 8}
    vision |= {"num_hidden_layers": 2, "num_attention_heads": 4}
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=24, attn_implementation="sdpa")
    tokens = torch.randint(0, 58, (2, 9))
    tokens[0, 8], tokens[1, 6], tokens[1, 7:] = 59, 59, 60
    kwargs = {"input_ids": tokens, "pixel_values": images(32), "attention_mask": (tokens != 60).long()}
    return Only(lively(CLIPModel(config), kwargs), "logits_per_image", "text_embeds", "image_embeds").eval(), (), kwargs


def siglip() -> Built:
    from transformers import SiglipConfig, SiglipModel

    torch.manual_seed(0)
    text = {"vocab_size": 61, "hidden_size": 40, "intermediate_size": 56, "max_position_embeddings": 11}
    text |= {"num_hidden_layers": 2, "num_attention_heads": 4, "projection_size": 48}
    text |= {"bos_token_id": 58, "eos_token_id": 59, "pad_token_id": 60}
    vision = {"hidden_size": 48, "intermediate_size": 72, "image_size": 32, "patch_size": 8}
    vision |= {"num_hidden_layers": 2, "num_attention_heads": 6}
    config = SiglipConfig(text_config=text, vision_config=vision, attn_implementation="eager")
    kwargs = {"input_ids": torch.randint(0, 61, (2, 9)), "pixel_values": images(32)}
    return Only(lively(SiglipModel(config), kwargs), "logits_per_image").eval(), (), kwargs


def detr() -> Built:
    from transformers import DetrConfig, DetrForObjectDetection, ResNetConfig

    torch.manual_seed(0)
    backbone = ResNetConfig(
        embedding_size=16,
        hidden_sizes=(24, 40),
        depths=(2, 2),
        layer_type="basic",
        out_features=["stage2"],
    )
    config = DetrConfig(
        backbone_config=backbone,
        use_timm_backbone=False,
        use_pretrained_backbone=False,
        num_queries=9,
        d_model=32,
        encoder_layers=2,
        encoder_ffn_dim=56,
        encoder_attention_heads=4,
        decoder_layers=2,
        decoder_ffn_dim=72,
        decoder_attention_heads=4,
        num_labels=LABELS,
        attn_implementation={"": "sdpa", "backbone_config": "eager"},
    )
    kwargs = {"pixel_values": images(48)}
    return Only(lively(DetrForObjectDetection(config), kwargs), "logits", "pred_boxes").eval(), (), kwargs


def vit_mae() -> Built:
    """The whole autoencoder, on a given noise, as its own tests run it."""
    from transformers import ViTMAEConfig, ViTMAEForPreTraining

    torch.manual_seed(0)
    config = ViTMAEConfig(
        hidden_size=40,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=56,
        image_size=32,
        patch_size=8,
        decoder_hidden_size=36,
        decoder_num_hidden_layers=2,
        decoder_num_attention_heads=4,
        decoder_intermediate_size=72,
        mask_ratio=0.625,
        attn_implementation="sdpa",
    )
    kwargs = {"pixel_values": images(32), "noise": torch.rand(2, 16)}
    return Only(lively(ViTMAEForPreTraining(config), kwargs), "logits").eval(), (), kwargs


def vit(attention: str) -> Build:
    return hf(
        "ViT",
        (32, 48),
        hidden_size=40,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=56,
        image_size=(32, 48),
        patch_size=8,
        attn_implementation=attention,
    )


def dinov2(attention: str, swiglu: bool) -> Build:
    return hf(
        "Dinov2",
        32,
        hidden_size=36,
        num_hidden_layers=2,
        num_attention_heads=4,
        mlp_ratio=3,
        image_size=32,
        patch_size=8,
        use_swiglu_ffn=swiglu,
        attn_implementation=attention,
    )


def resnet(kind: str, *hidden: int) -> Build:
    return hf("ResNet", (32, 48), embedding_size=16, hidden_sizes=hidden, depths=(2, 2, 2), layer_type=kind)


ROWS: tuple[Architecture, ...] = (
    Architecture("vit eager", vit("eager"), fast=True),
    Architecture("vit sdpa", vit("sdpa")),
    Architecture(
        "deit distilled",
        hf(
            "DeiT",
            32,
            "ForImageClassificationWithTeacher",
            hidden_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=72,
            image_size=32,
            patch_size=8,
            attn_implementation="sdpa",
        ),
    ),
    Architecture(
        "beit",
        hf(
            "Beit",
            32,
            hidden_size=40,
            num_hidden_layers=2,
            num_attention_heads=5,
            intermediate_size=56,
            image_size=32,
            patch_size=8,
            use_relative_position_bias=True,
            layer_scale_init_value=0.1,
            attn_implementation="eager",
        ),
    ),
    Architecture("dinov2", dinov2("sdpa", swiglu=False)),
    Architecture("dinov2 swiglu", dinov2("eager", swiglu=True)),
    Architecture(
        "swin",
        hf(
            "Swin",
            48,
            image_size=48,
            patch_size=4,
            embed_dim=40,
            depths=(2, 2),
            num_heads=(4, 8),
            window_size=4,
            mlp_ratio=3.0,
            attn_implementation="sdpa",
        ),
        fast=True,
    ),
    Architecture(
        "swinv2",
        hf(
            "Swinv2",
            48,
            image_size=48,
            patch_size=4,
            embed_dim=40,
            depths=(2, 2),
            num_heads=(4, 8),
            window_size=4,
            mlp_ratio=3.0,
        ),
    ),
    Architecture(
        "pvt",
        hf(
            "Pvt",
            48,
            image_size=48,
            num_encoder_blocks=2,
            depths=(2, 2),
            sequence_reduction_ratios=(4, 1),
            hidden_sizes=(32, 48),
            patch_sizes=(4, 2),
            strides=(4, 2),
            num_attention_heads=(4, 6),
            mlp_ratios=(3, 2),
        ),
    ),
    Architecture(
        "pvt v2",
        hf(
            "PvtV2",
            48,
            image_size=48,
            num_encoder_blocks=2,
            depths=(2, 2),
            sr_ratios=(4, 2),
            hidden_sizes=(32, 48),
            patch_sizes=(7, 3),
            strides=(4, 2),
            num_attention_heads=(4, 6),
            mlp_ratios=(3, 2),
        ),
    ),
    Architecture(
        "segformer",
        hf(
            "Segformer",
            (32, 48),
            "ForSemanticSegmentation",
            num_encoder_blocks=3,
            depths=(2, 2, 2),
            sr_ratios=(4, 2, 1),
            hidden_sizes=(32, 40, 48),
            patch_sizes=(7, 3, 3),
            strides=(4, 2, 2),
            num_attention_heads=(4, 5, 4),
            mlp_ratios=(2, 3, 2),
            decoder_hidden_size=56,
            attn_implementation="sdpa",
        ),
    ),
    Architecture(
        "convnext", hf("ConvNext", (32, 48), num_stages=3, hidden_sizes=(32, 40, 56), depths=(2, 2, 2)), fast=True
    ),
    Architecture("convnextv2", hf("ConvNextV2", (32, 48), num_stages=3, hidden_sizes=(32, 40, 56), depths=(2, 2, 2))),
    Architecture("resnet basic", resnet("basic", 24, 40, 56), fast=True),
    Architecture("resnet bottleneck", resnet("bottleneck", 32, 48, 64)),
    Architecture(
        "regnet", hf("RegNet", (32, 48), embedding_size=16, hidden_sizes=(32, 48), depths=(2, 2), groups_width=8)
    ),
    Architecture("mobilenet v1", hf("MobileNetV1", (32, 64), depth_multiplier=0.25)),
    Architecture("mobilenet v2", hf("MobileNetV2", (32, 64), depth_multiplier=0.25, finegrained_output=False)),
    Architecture(
        "efficientnet",
        hf(
            "EfficientNet",
            32,
            image_size=32,
            width_coefficient=0.25,
            depth_coefficient=1.0,
            kernel_sizes=(3, 5, 3),
            in_channels=(32, 96, 160),
            out_channels=(96, 160, 224),
            strides=(1, 2, 2),
            num_block_repeats=(1, 2, 2),
            expand_ratios=(1, 3, 4),
            hidden_dim=320,
        ),
    ),
    Architecture(
        "mobilevit",
        hf(
            "MobileViT",
            (64, 96),
            image_size=(64, 96),
            hidden_sizes=(30, 40, 50),
            neck_hidden_sizes=(8, 16, 24, 36, 44, 52, 72),
            num_attention_heads=5,
            expand_ratio=2.0,
            output_stride=16,
        ),
    ),
    Architecture("clip", clip),
    Architecture("siglip", siglip),
    Architecture("detr", detr),
    Architecture(
        "sam vision",
        hf(
            "SamVision",
            56,
            "Model",
            hidden_size=48,
            output_channels=20,
            num_hidden_layers=2,
            num_attention_heads=6,
            image_size=56,
            patch_size=8,
            window_size=4,
            global_attn_indexes=(1,),
            mlp_dim=72,
            attn_implementation="eager",
        ),
    ),
    Architecture(
        "dpt",
        hf(
            "DPT",
            64,
            "ForDepthEstimation",
            hidden_size=40,
            num_hidden_layers=4,
            num_attention_heads=5,
            intermediate_size=56,
            image_size=64,
            patch_size=16,
            backbone_out_indices=(0, 1, 2, 3),
            neck_hidden_sizes=(12, 20, 28, 36),
            fusion_hidden_size=24,
            attn_implementation="sdpa",
        ),
    ),
    Architecture("levit", levit),
    Architecture(
        "poolformer",
        hf(
            "PoolFormer",
            (32, 48),
            num_encoder_blocks=3,
            depths=(2, 2, 2),
            hidden_sizes=(32, 40, 56),
            patch_sizes=(7, 3, 3),
            strides=(4, 2, 2),
            padding=(2, 1, 1),
            mlp_ratio=3.0,
        ),
    ),
    Architecture(
        "hiera",
        hf(
            "Hiera",
            (64, 96),
            image_size=(64, 96),
            embed_dim=40,
            depths=(2, 2, 2),
            num_heads=(5, 5, 10),
            num_query_pool=2,
            masked_unit_attention=(True, True, False),
            mlp_ratio=3.0,
        ),
    ),
    Architecture("vit mae", vit_mae),
)
