"""The joint stage's rules for gamma and d, ours and the paper's (docs/method.md, section 4; arXiv 2502.16638)."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

ETA = 0.999
ZETA = 0.9
EPSILON = 1e-8
SHRINK = 0.8
KAPPA = 1 - ETA * (1 - ZETA)


class JointSums(NamedTuple):
    """Over the newly redundant producer entries of each tensor: dot products and squared norms, shape [tensors].

    g is the base direction, c = c~ = sgn(x) c (x where not quantized), r = R~ = sgn(x) (round(c/d) - c/d).
    """

    g_dot_c: Tensor
    g_dot_r: Tensor
    gg: Tensor
    cc: Tensor
    rr: Tensor


class JointRule(NamedTuple):
    """gamma and d of each tensor, and the cosines they came from, shape [tensors]."""

    gamma: Tensor
    d: Tensor
    cos_g: Tensor
    cos_d: Tensor


def descent_rule(sums: JointSums, d: Tensor, lr: float, remaining: int) -> JointRule:
    """gamma for one step with the d that each tensor has (**ours**); `remaining` = T - k.

    With s = g . x_Q = g . (c~ + d R~): gamma = 1 / (T - k) if s >= 0, else min(1 / (T - k), kappa lr ||g||^2 / -s),
    kappa = 1 - eta (1 - zeta). Then the step -lr g - gamma x_Q has product <= -eta (1 - zeta) lr ||g||^2 with g,
    whatever d is. lr = 0: gamma = 0.
    """
    s = sums.g_dot_c + d * sums.g_dot_r
    most = torch.full_like(s, 1 / remaining if lr > 0 else 0.0)
    bound = KAPPA * lr * sums.gg / (-s).clamp_min(1e-30)
    gamma = torch.where(s >= 0, most, torch.minimum(most, bound))
    return JointRule(gamma, d, *_cosines(sums))


def paper_rule(sums: JointSums, lr: float, remaining: int, d_min: Tensor, d_max: Tensor) -> JointRule:
    """gamma and d for one step as the paper has them; `remaining` = T - k, d_min = d(b_u), d_max = d(b_l).

    gamma = 0 if ||c~|| <= eps; 1 / (T - k) if cos_g >= 0; else -(1 - eta) lr ||g|| / (cos_g ||c~||).
    d = d(b_l) if cos_d >= 0 or gamma = 0; else -zeta eta lr ||g|| / (gamma cos_d ||R~||), then while d < d(b_u):
    gamma *= 0.8, d /= 0.8 (in closed form), then at most d(b_l). With both cosines negative the step -lr g - gamma
    (c~ + d R~) has product <= -eta (1 - zeta) lr ||g||^2 with g.
    """
    norm_g, norm_c, norm_r = sums.gg.sqrt(), sums.cc.sqrt(), sums.rr.sqrt()
    cos_g, cos_d = _cosines(sums)
    descent = (1 - ETA) * lr * norm_g / (-cos_g * norm_c).clamp_min(1e-30)
    gamma = torch.where(cos_g >= 0, torch.full_like(cos_g, 1 / remaining), descent)
    gamma = torch.where(norm_c <= EPSILON, torch.zeros_like(gamma), gamma)
    free = (cos_d >= 0) | (gamma == 0)
    d = ZETA * ETA * lr * norm_g / (gamma * -cos_d * norm_r).clamp_min(1e-30)
    d = d.clamp_min(1e-30)
    times = torch.ceil(torch.log(d_min / d) / math.log(1 / SHRINK)).clamp_min(0)
    factor = torch.where(free, torch.ones_like(d), SHRINK**times)
    return JointRule(gamma * factor, torch.where(free, d_max, torch.minimum(d / factor, d_max)), cos_g, cos_d)


def _cosines(sums: JointSums) -> tuple[Tensor, Tensor]:
    norm_g, norm_c, norm_r = sums.gg.sqrt(), sums.cc.sqrt(), sums.rr.sqrt()
    return (
        sums.g_dot_c / (norm_g * norm_c).clamp_min(1e-30),
        sums.g_dot_r / (norm_g * norm_r).clamp_min(1e-30),
    )
