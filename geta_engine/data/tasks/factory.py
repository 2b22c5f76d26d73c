"""The task of a run, checked against its data and its model."""

from __future__ import annotations

from typing import Any

from geta_engine.config import RunConfig
from geta_engine.data.dataset import Dataset
from geta_engine.data.inputs import ModelInputs
from geta_engine.data.tasks.base import Task
from geta_engine.data.tasks.classification import Classification
from geta_engine.data.tasks.distillation import distillation
from geta_engine.data.tasks.language import MaskedLanguageModeling, NextToken
from geta_engine.data.tasks.outputs import main
from geta_engine.data.tasks.regression import Regression
from geta_engine.trace import TracedModel


def make_task(dataset: Dataset, traced: TracedModel, inputs: ModelInputs, config: RunConfig) -> Task:
    """The task that `dataset` is for. Raises InputError when the model cannot learn it."""
    output = inputs.call(traced.graph_module(), inputs.examples)
    task = _make(dataset, traced, inputs, config, output)
    task.check(dataset, output)
    return task


def _make(dataset: Dataset, traced: TracedModel, inputs: ModelInputs, config: RunConfig, output: Any) -> Task:
    if dataset.task == "distill":
        return distillation(traced, inputs, dataset, output, config.distill_loss)
    if dataset.task == "causal-lm":
        return NextToken(inputs.inputs)
    if dataset.task == "masked-lm":
        assert config.mask_token is not None
        return MaskedLanguageModeling(inputs.inputs, config.mask_token, main(output).shape[-1])
    return Classification() if dataset.task == "classification" else Regression()
