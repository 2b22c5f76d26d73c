"""Tokens: which one was hidden, or which one comes next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from geta_engine.data.batches import generator_of
from geta_engine.data.dataset import WHOLE, Dataset, Split
from geta_engine.data.inputs import Input
from geta_engine.data.tasks.base import Batch
from geta_engine.data.tasks.drawn import divergence_of_classes, of_classes
from geta_engine.data.tasks.metrics import hits, share
from geta_engine.data.tasks.outputs import main
from geta_engine.errors import InputError

SELECTED, MASKED, RANDOM = 0.15, 0.8, 0.1
"""Share of the tokens that is asked for; of these, what is hidden and what is replaced (BERT, arXiv 1810.04805)."""
_IGNORED = -100


class _Tokens:
    """Cross entropy (in nats) and hits over the positions that are asked for, with logits [B, T, V] and targets [B, T].

    The loss of a batch is the mean over its own asked positions: the mean of two losses is that of both batches only
    where both ask for as many. The tokens are the first input that enters an embedding; positions where an input named
    attention_mask is 0 are never asked for.
    """

    metric: ClassVar[str] = "token accuracy"

    def __init__(self, inputs: Sequence[Input]) -> None:
        tokens = [i for i, x in enumerate(inputs) if x.vocabulary is not None and len(x.shape) == 1]
        if not tokens:
            raise InputError(
                f"a language model takes rows of tokens and this model takes {', '.join(x.name for x in inputs)}, "
                "none of which enters an embedding: set another task"
            )
        self._at = tokens[0]
        self._mask = next((i for i, x in enumerate(inputs) if x.name == "attention_mask"), None)
        if self._mask is not None:
            _require_mask(inputs[self._mask], inputs[self._at])

    def check(self, dataset: Dataset, output: Any) -> None:
        """Raises InputError unless the output is a score for each token of the vocabulary at every position."""
        tokens, logits = dataset.train.inputs[self._at], main(output)
        if logits.ndim != 3 or logits.shape[1] != tokens.shape[1]:
            raise InputError(
                f"the model's output has shape {tuple(logits.shape[1:])} for {tokens.shape[1]} tokens: give a model "
                f"that returns ({tokens.shape[1]}, vocabulary) scores for each example"
            )
        largest = max(int(split.inputs[self._at].max()) for split in (dataset.train, dataset.test))
        if largest >= logits.shape[2]:
            raise InputError(
                f"{dataset.name} has the token {largest} and the model scores 0 to {logits.shape[2] - 1}: "
                "give tokens of the model's vocabulary"
            )

    def _asked(self, examples: Split) -> tuple[Tensor, Tensor]:
        """The tokens [B, T] and where they may be asked for."""
        tokens = examples.inputs[self._at]
        mask = torch.ones_like(tokens) if self._mask is None else examples.inputs[self._mask]
        return tokens, mask != 0

    def loss(self, output: Any, targets: tuple[Tensor, ...]) -> Tensor:
        """Mean cross entropy over the positions that are asked for, 0 where there are none."""
        asked = (targets[0] != _IGNORED).sum().clamp_min(1)
        logits = main(output).flatten(0, 1)
        return F.cross_entropy(logits, targets[0].flatten(), ignore_index=_IGNORED, reduction="sum") / asked

    def drawn_loss(self, output: Any) -> Tensor:
        """Cross entropy of a token drawn at each position."""
        return of_classes(main(output))

    def divergence(self, reference: Any, output: Any) -> Tensor:
        """Between the distributions of classes."""
        return divergence_of_classes(main(reference), main(output))

    def tally(self, output: Any, targets: tuple[Tensor, ...]) -> Tensor:
        """Hits and positions that were asked for."""
        asked = targets[0] != _IGNORED
        return hits(main(output).argmax(-1)[asked], targets[0][asked])

    def value(self, total: Tensor) -> float:
        """Token accuracy, in [0, 1]."""
        return share(total)


class NextToken(_Tokens):
    """Causal language modelling: the logits at position t predict token t + 1."""

    def batch(self, examples: Split, *key: int, shard: slice = WHOLE) -> Batch:
        """The examples as they are, and their tokens moved one to the left."""
        part = examples.take(shard)
        tokens, asked = self._asked(part)
        targets = torch.full_like(tokens, _IGNORED, dtype=torch.int64)
        targets[:, :-1] = torch.where(asked[:, 1:], tokens[:, 1:].long(), _IGNORED)
        return Batch(part.inputs, (targets,))


class MaskedLanguageModeling(_Tokens):
    """Masked language modelling: 15 % of the tokens are asked for, most of them behind `mask_token`.

    `scores` is the last dim of the logits; random tokens are among what the model both reads and scores.
    """

    def __init__(self, inputs: Sequence[Input], mask_token: int, scores: int) -> None:
        super().__init__(inputs)
        self._token = mask_token
        self._vocabulary = min(inputs[self._at].vocabulary or scores, scores)

    def check(self, dataset: Dataset, output: Any) -> None:
        """Raises InputError as the base does, and where the mask is no token of the model."""
        super().check(dataset, output)
        if self._token >= self._vocabulary:
            raise InputError(
                f"mask_token was given as {self._token} and the model's vocabulary is 0 to {self._vocabulary - 1}: "
                "give the token of the model that hides others"
            )

    def batch(self, examples: Split, *key: int, shard: slice = WHOLE) -> Batch:
        """Tokens of which 80 % of the chosen are hidden, 10 % random and 10 % kept, and the chosen ones."""
        tokens, allowed = self._asked(examples)
        generator = generator_of(*key, self._token)
        chosen = (torch.rand(tokens.shape, generator=generator) < SELECTED) & allowed
        fate = torch.rand(tokens.shape, generator=generator)
        other = torch.randint(self._vocabulary, tokens.shape, generator=generator).to(tokens.dtype)
        seen = torch.where(chosen & (fate < MASKED), self._token, tokens)
        seen = torch.where(chosen & (fate >= 1 - RANDOM), other, seen)
        inputs = (*examples.inputs[: self._at], seen, *examples.inputs[self._at + 1 :])
        targets = torch.where(chosen, tokens.long(), _IGNORED)
        return Batch(tuple(x[shard] for x in inputs), (targets[shard],))


def _require_mask(mask: Input, tokens: Input) -> None:
    """Raises InputError unless the mask says of each token whether it is there."""
    if mask.shape != tokens.shape or mask.dtype.is_floating_point:
        raise InputError(
            f"the model's attention_mask was traced with {mask.dtype} of shape {mask.shape} for each example, and a "
            f"language model's says which of the tokens {tokens.shape} are there: trace the model with an integer or "
            "bool mask of the tokens' shape"
        )
