"""Views, permutations, expansions, slices, splits, joins, rolls and paddings."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from .cases import aten, check, images, net, rows, tokens, weight


def spatial_views(m, x):
    y = x.flatten(2).unflatten(2, (8, 8)).view(-1, 8, 4, 16).reshape(-1, 8, 64).unsqueeze(1).squeeze(1)
    y = aten._unsafe_view(aten.view_copy(aten.squeeze_copy(aten.unsqueeze_copy(y, 3)), [-1, 8, 64]), [-1, 8, 64])
    return F.relu(y.view_as(x).flatten(2).reshape_as(x))


def permutations(m, x):
    y = x.permute(0, 2, 3, 1).transpose(1, 3).swapaxes(2, 3).movedim(1, -1)
    return aten.transpose_copy(aten.permute_copy(F.relu(torch.moveaxis(y, -1, 1).mT), [0, 2, 1, 3]), 1, 2)


def expansions(m, x):
    mean = x.mean(1, keepdim=True)
    return x * mean.expand(-1, 8) * mean.expand_as(x) * mean.broadcast_to(x.shape) * aten.expand_copy(mean, [-1, 8])


def repeats_of_one(m, x):
    mean = x.mean(1, keepdim=True)
    return x * mean.repeat(1, 8) * mean.tile((1, 8)) * mean.repeat_interleave(8, 1)


def rejoined(*splits):
    """Cut in two and join again, one way after the other."""

    def body(m, x):
        for split in splits:
            one, other = split(x)
            x = torch.cat([F.relu(one) + one, torch.tanh(other)], 1)
        return x

    return body


def triple(split):
    """[B, 12] -> [B, 3, 4] -> three of [B, 4]."""

    def body(m, x):
        q, k, v = split(x.view(-1, 3, 4))
        return q * k + v

    return body


def with_image(m, x):
    return m.h(torch.cat([m.a(x), x], 1)).mean((2, 3))


CASES = {
    "views of places": images(spatial_views, 8),
    "views of channels": rows(lambda m, x: F.relu(x.view(-1, 3, 4)).flatten(1), 4, 12, width=12),
    "channels dealt out": rows(lambda m, x: x.view(-1, 3, 4).transpose(1, 2).flatten(1), 4, 12, width=12),
    "places as columns": net(
        lambda m, x: m.h(m.a(x).flatten(1)), (torch.ones(2, 3, 4, 4).cumsum(3),), 6, {},
        a=torch.nn.Conv2d(3, 6, 1), h=torch.nn.Linear(96, 3)),
    "permutations": images(permutations, 8),
    "matrix transposed": rows(lambda m, x: F.relu(x.t()).T, 8),
    "expansions": rows(expansions, 8),
    "repeats of one": rows(repeats_of_one, 8),
    "repeat": rows(lambda m, x: x.repeat(1, 2), 8, 16),
    "tile": rows(lambda m, x: x.tile((1, 2)), 8, 16),
    "tile of fewer dims": rows(lambda m, x: x.tile((2,)), 8, 16),
    "repeat_interleave": rows(lambda m, x: x.repeat_interleave(2, 1), 8, 16),
    "repeats by input": tokens(
        lambda m, x: x.repeat_interleave(m.times, 1, output_size=9), 8, times=torch.tensor([1, 2, 1, 2, 1, 2])),
    "select": rows(lambda m, x: x.view(-1, 3, 4)[:, 1] + aten.select_copy(x.view(-1, 3, 4), 1, 2), 4, 4, width=12),
    "select of a channel": rows(lambda m, x: x * x[:, 2].unsqueeze(1), 7, pins="reads it on its own"),
    "select of a token": tokens(lambda m, x: x[:, 0].unsqueeze(1), 8),
    "unbind": rows(triple(lambda y: y.unbind(1)), 4, 4, width=12),
    "unbind_copy": rows(triple(lambda y: aten.unbind_copy(y, 1)), 4, 4, width=12),
    "unbound channels": rows(lambda m, x: torch.stack(x.unbind(1)[:3], 1), 0, 3, pins="reads it on its own"),
    "splits in two": rows(
        rejoined(lambda x: x.split([3, 5], 1), lambda x: x.split(4, 1), lambda x: x.chunk(2, 1),
                 lambda x: x.tensor_split(2, 1), lambda x: torch.unsafe_split(x, 4, 1),
                 lambda x: torch.unsafe_chunk(x, 2, 1)), 7, pins="single unit"),
    "slices": rows(
        rejoined(lambda x: (x[:, :2], x[:, 2:]), lambda x: (x[:, -3:], x[:, :-3]),
                 lambda x: (x.narrow(1, 0, 5), x.narrow(1, -3, 3))), 8),
    "strided slices": rows(rejoined(lambda x: (x[:, ::2], x[:, 1::2])), 8),
    "tensor_split at positions": rows(rejoined(lambda x: x.tensor_split([3], 1)), 8),
    "slice of one": rows(lambda m, x: x * x[:, 2:3], 7, pins="reads it on its own"),
    "split_copy": rows(rejoined(lambda x: aten.split_copy(x, 4, 1)), 8),
    "split_with_sizes_copy": rows(rejoined(lambda x: aten.split_with_sizes_copy(x, [2, 6], 1)), 8),
    "slice_copy": rows(rejoined(lambda x: (aten.slice_copy(x, 1, 0, 3), aten.slice_copy(x, 1, 3))), 8),
    "stack": rows(lambda m, x: torch.stack([x, F.relu(x)], 1).flatten(1), 8, 16),
    "stack at the end": rows(lambda m, x: torch.stack([x, F.relu(x)], -1).flatten(1), 8, 16),
    "joins": rows(lambda m, x: torch.cat([torch.concat([x, F.relu(x)], 1), torch.concatenate([x, -x], -1)], 1), 8, 32),
    "join along tokens": tokens(lambda m, x: torch.cat([x, m.token.expand(2, 1, 8)], 1), 8, token=weight(1, 1, 8)),
    "join with the input": net(with_image, (torch.ones(2, 3, 4, 4).cumsum(2),), 8, {}, a=torch.nn.Conv2d(3, 8, 1),
                               h=torch.nn.Conv2d(11, 5, 1)),
    "flip": rows(lambda m, x: x.flip(1), 8),
    "roll": rows(lambda m, x: x.roll(3, 1), 8),
    "roll back": rows(lambda m, x: x.roll(-3, 1), 8),
    "roll of places": images(lambda m, x: x.roll((2, -3), (2, 3)), 8),
    "roll of everything": rows(lambda m, x: x.roll(3), 0, pins="rolls over it"),
    "padded channels": images(lambda m, x: F.pad(x, (0, 0, 0, 0, 1, 2)), 8, 11),
    "channels padded with ones": images(lambda m, x: F.pad(x, (0, 0, 0, 0, 1, 2), value=1.0), 8, 11),
    "padded places": images(lambda m, x: aten.constant_pad_nd(F.pad(x, (1, 1)), [1, 0, 2, 1]), 8),
    "side by side": rows(lambda m, x: torch.hstack((x[:, 3:], torch.tanh(x[:, :3]))), 8),
    "places under one another": images(lambda m, x: torch.dstack((x[:, :, :4], x[:, :, 4:].relu())), 8),
    "images under one another": images(lambda m, x: torch.vstack((x, x.relu())).unflatten(0, (2, -1)).sum(0), 8),
    "one long row": images(lambda m, x: x.ravel().view(x.shape), 8),
    "turned": tokens(lambda m, x: x.swapdims(1, 2).adjoint().mH.swapdims(1, 2), 8),
    "padded around": images(lambda m, x: F.pad(x, (1, 1, 2, 1), mode="circular"), 8),
    "places padded with ones": images(lambda m, x: F.pad(x, (1, 1), value=1.0), 0, pins="pad"),
    "channels cropped": images(lambda m, x: F.pad(x, (0, 0, 0, 0, -2, 0)), 0, 6, pins="pads it"),
    "triangles of places": images(lambda m, x: x.triu() + x.tril(-1), 8),
    "triangle over channels": rows(lambda m, x: x.tril(), 0, pins="takes a triangle of it"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_movement(case):
    check(CASES[case])
