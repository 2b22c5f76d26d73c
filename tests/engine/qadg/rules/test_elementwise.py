"""Index by index: zeros are evaluated; what only copies is passed through."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from .cases import apart, aten, check, drawn, images, net, rows, weight

KEEP_ZERO = (
    F.relu, F.gelu, F.silu, torch.tanh, F.hardswish, F.mish, F.relu6, F.elu, F.selu, F.celu, F.rrelu, F.softsign,
    F.hardshrink, F.softshrink, F.tanhshrink, F.hardtanh, F.leaky_relu, torch.abs, torch.neg, torch.sign, torch.sin,
    torch.atan, torch.erf, torch.expm1, torch.square, torch.floor, torch.ceil, torch.round, torch.trunc, torch.frac,
    torch.nan_to_num, torch.asinh, torch.sinh, lambda x: x.abs().sqrt(), lambda x: x.abs().log1p(), lambda x: x**3,
    lambda x: F.threshold(x, 0.1, 0.0), lambda x: x.clamp(-1, 1), lambda x: x.clamp_min(0), lambda x: x.fmod(2),
    lambda x: x.remainder(2), lambda x: x / 3, lambda x: x // 2, lambda x: torch.rsub(x, x * 3),
    lambda x: (x > 0).type_as(x),
    lambda x: x.isnan() * 1.0, lambda x: x.isinf() * 1.0, lambda x: torch.where(x > 0, x, x * 0.1),
    lambda x: x.masked_fill(x > 1, 0.0), lambda x: torch.lerp(x, x * 2, 0.3), lambda x: torch.xlogy(x, x * x + 1),
    lambda x: torch.addcmul(x, x, x), lambda x: torch.addcdiv(x, x, x * x + 1), lambda x: torch.hypot(x, x),
)  # fmt: skip
MOVE_ZERO = {
    "sigmoid": torch.sigmoid, "exp": torch.exp, "cos": torch.cos, "softplus": F.softplus, "log_sigmoid": F.logsigmoid,
    "hardsigmoid": F.hardsigmoid, "rsub": lambda x: 1 - x, "isfinite": lambda x: x.isfinite() * 1.0,
    "logit": lambda x: torch.logit(x, 0.01), "threshold": lambda x: F.threshold(x, 0.1, 2.0),
    "masked_fill": lambda x: x.masked_fill(x < 0.1, 2.0), "where": lambda x: torch.where(x > 0, x, 1.0),
    "ge": lambda x: (x >= 0) * 1.0, "reciprocal": lambda x: 1 / (x * x + 1), "pow": lambda x: 2**x,
}  # fmt: skip


def every(m, x):
    return sum(function(x) for function in KEEP_ZERO)


def bits(m, x):
    on = ((x > 0) & (x < 1)) | ((x > 0) ^ (x > 2))
    return (((x > 0).long() << 2) >> 1) * 1.0 + on * x


def passed(m, x):
    y = F.dropout(F.alpha_dropout(F.dropout2d(x.clone().contiguous())), 0.3)
    y = torch.native_dropout(y.detach().to(torch.float64).to(torch.float32), 0.3, False)[0]
    y = F.dropout(y * 2, inplace=True).resolve_conj().resolve_neg().float()
    y = aten.conj(aten.alias(aten.contiguous(aten.lift_fresh_copy(aten.clone(y)))))
    return aten._to_copy((y * 2).detach_(), dtype=torch.float32)


def prelus(m, x):
    return F.prelu(m.each(m.one(x)), m.each.weight) + torch._prelu_kernel(x, m.each.weight.view(1, 8, 1, 1))


CASES = {
    "ops that keep zero": rows(every, 8),
    "ops that move zero": net(
        lambda m, x: m.h(torch.cat([f(getattr(m, name)(x)) for name, f in MOVE_ZERO.items()], 1)), (drawn(4, 5),), 0,
        {f"{name}.weight": "into other numbers before `h (linear)`" for name in MOVE_ZERO},
        **{name: nn.Linear(5, 2) for name in MOVE_ZERO}, h=nn.Linear(2 * len(MOVE_ZERO), 3)),
    "gates that a zero closes": rows(lambda m, x: x * sum(f(x) for f in MOVE_ZERO.values()), 8),
    "infinite at zero": apart({"over": lambda x, d: x * (1 / x), "log": lambda x, d: x * x.abs().log()}, "turns zeros"),
    "bits": rows(bits, 8),
    "passed on": images(passed, 8),
    "prelu": images(prelus, 8, one=nn.PReLU(), each=nn.PReLU(8)),
    "where of parameters": rows(lambda m, x: torch.where(m.mask > 0, x, m.fill), 8, mask=drawn(8), fill=weight(8)),
    "scaled and shifted": rows(lambda m, x: F.relu(x) * m.w + m.b, 8, w=weight(8), b=weight(8)),
    "two branches": rows(lambda m, x: torch.maximum(m.b(x), m.c(x)) * torch.minimum(m.b(x), m.c(x)), 8 + 7, 7,
                         b=nn.Linear(8, 7), c=nn.Linear(8, 7)),
    "a constant beside": rows(lambda m, x: x + m.fixed, 0, fixed=drawn(8), pins="turns zeros into other numbers"),
    "a constant factor": rows(lambda m, x: x * m.fixed, 8, fixed=drawn(8)),
    "in place": rows(lambda m, x: F.relu(x * 2, inplace=True).add_(x).mul_(2), 8),
    "two dims at once": images(lambda m, x: x * m.places + x * m.w.view(8, 1, 1), 8, places=drawn(8, 8), w=weight(8)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_elementwise(case):
    check(CASES[case])
