"""A small vision transformer (Dosovitskiy et al. 2020), pre-norm, with a fused qkv projection."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geta_engine.zoo.base import ZooModel, require_multiple

PATCH, DIM, HEADS, DEPTH, MLP_DIM = 2, 64, 4, 4, 128
POSITION_STD = 0.5
"""Spread of the position embedding at the start: as large as the embedded patches, so that a short run learns where a
patch lies (at the customary 0.02 the model is near 91 % on digits after 400 steps instead of 97 %)."""


class Attention(nn.Module):
    """Multi-head self-attention. One Linear makes q, k and v: its rows are (3, heads, head_dim) in that order."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads, self.head_dim = heads, dim // heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, tokens, dim]` -> `[B, tokens, dim]`."""
        qkv = self.qkv(x).unflatten(-1, (3, self.heads, self.head_dim)).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.proj(mixed.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """`x + attn(norm1(x))`, then `x + mlp(norm2(x))`."""

    def __init__(self, dim: int, heads: int, mlp_dim: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attn = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim)
        self.fc1 = nn.Linear(dim, mlp_dim)
        self.fc2 = nn.Linear(mlp_dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, tokens, dim]` -> `[B, tokens, dim]`."""
        x = x + self.attn(self.norm1(x))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class ViTTiny(ZooModel):
    """Patch embedding, class token, learned positions, four pre-norm blocks, a norm and the classes.

    What it shows: a unit need not be a channel. An attention head is a (head_dim = 16)-wide slab of q, k and v rows
    in the fused `qkv` and of columns in `proj`; the softmax inside it lets nothing smaller go, so each block has a
    group of 4 heads. The hidden layer of each MLP is a group of 128 single numbers (GELU maps 0 to 0). And the
    residual stream - patch embedding, class token, positions, every norm, every `proj` and `fc2` - is one group of
    64 units that spans the whole network; LayerNorm divides by the number of channels, so after removal it must go
    on dividing by the original 64.
    """

    def __init__(self, in_channels: int = 1, num_classes: int = 10, image_size: int = 8) -> None:
        super().__init__()
        require_multiple(image_size, PATCH, "vit_tiny")
        self.input_shape = (in_channels, image_size, image_size)
        tokens = (image_size // PATCH) ** 2 + 1
        self.patch = nn.Conv2d(in_channels, DIM, PATCH, stride=PATCH)
        self.cls_token = nn.Parameter(torch.randn(1, 1, DIM) * 0.02)
        self.positions = nn.Parameter(torch.randn(1, tokens, DIM) * POSITION_STD)
        self.blocks = nn.Sequential(*(Block(DIM, HEADS, MLP_DIM) for _ in range(DEPTH)))
        self.norm = nn.LayerNorm(DIM)
        self.head = nn.Linear(DIM, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> class scores `[B, num_classes]`."""
        patches = self.patch(x).flatten(2).transpose(1, 2)
        token = self.cls_token.expand(patches.shape[0], -1, -1)
        x = torch.cat((token, patches), dim=1) + self.positions
        x = self.norm(self.blocks(x))
        return self.head(x[:, 0])
