"""Recurrent layers: one hidden size for gates, layers and directions."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from .cases import check, drawn, net, tokens


def layer(kind: type[nn.RNNBase], times: int = 1, **options):
    """8 channels -> hidden 6 -> `h`; a bidirectional layer returns each hidden unit twice."""
    return tokens(lambda m, x: m.r(x)[0], 8 + 6, 6 * times, r=kind(8, 6, batch_first=True, **options))


def last_state(m, x):
    _, (hidden, _) = m.r(x)
    return hidden[-1].unsqueeze(1)


def two_steps(cell, **options):
    """Two tokens, from a state of zeros."""

    def body(m, x):
        return (m.r(x[:, 1], m.r(x[:, 0]))[0] if cell is nn.LSTMCell else m.r(x[:, 1], m.r(x[:, 0]))).unsqueeze(1)

    return tokens(body, 8 + 6, 6, r=cell(8, 6, **options))


def given_state(m, x, state):
    return m.h(m.r(m.a(x), state)[0]).mean(1)


CASES = {
    "lstm": layer(nn.LSTM),
    "gru": layer(nn.GRU),
    "rnn_tanh": layer(nn.RNN),
    "rnn_relu": layer(nn.RNN, nonlinearity="relu"),
    "lstm: no biases": layer(nn.LSTM, bias=False),
    "lstm: two layers, both directions": layer(nn.LSTM, 2, num_layers=2, bidirectional=True),
    "gru: two layers, both directions": layer(nn.GRU, 2, num_layers=2, bidirectional=True),
    "lstm: last state": tokens(last_state, 8 + 6, 6, r=nn.LSTM(8, 6, batch_first=True)),
    "lstm: time first": tokens(lambda m, x: m.r(x.transpose(0, 1))[0].transpose(0, 1), 8 + 6, 6, r=nn.LSTM(8, 6)),
    "lstm_cell": two_steps(nn.LSTMCell),
    "gru_cell": two_steps(nn.GRUCell),
    "rnn_tanh_cell": two_steps(nn.RNNCell),
    "rnn_relu_cell": two_steps(nn.RNNCell, nonlinearity="relu"),
    "gru: a state given": net(
        given_state, (drawn(2, 6, 5), torch.ones(2, 2, 6)), 0,
        {"a.weight": "starts from a state that is not zero"},
        a=nn.Linear(5, 8), r=nn.GRU(8, 6, 2, batch_first=True), h=nn.Linear(6, 3)),
    "lstm: projected": tokens(lambda m, x: m.r(x)[0], 0, 4, r=nn.LSTM(8, 6, proj_size=4, batch_first=True),
                              pins="lstm"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_recurrent(case):
    check(CASES[case])
