"""Ids of the Configure tab's components. Browser tests and scripts rely on them: add, do not rename."""

from __future__ import annotations

BITS_GRID = "bits-grid"
BITS_LOWER = "bits-lower"
BITS_UPPER = "bits-upper"
BITS_SCOPE = "bits-scope"
BITS_PRESETS = "bits-presets"
BITS_PROBLEM = "bits-problem"

BUDGET = "budget"

SPARSITY = "sparsity"
SPARSITY_INPUT = "sparsity-input"
SPARSITY_CAPTION = "sparsity-caption"
SCHEDULE_BAR = "schedule-bar"
SCHEDULE_PROBLEM = "schedule-problem"
DATA_SELECT = "data-select"
BATCH = "batch-size"
OPTIMIZER = "optimizer"
LR = "lr"
LR_QUANT = "lr-quant"
SEED = "seed"

ESTIMATE = "estimate"
CONFIG_ERRORS = "config-errors"
LAUNCH = "launch"
CONFIG = "config"
"""dcc.Store: the fields of a valid configuration, or None while there are problems."""
YAML_SAVE = "yaml-save"
YAML_FILE = "yaml-file"
YAML_LOADED = "yaml-loaded"
"""dcc.Store: {"text", "name"} of the last file; the browser writes it."""
YAML_DOWNLOAD = "yaml-download"


def schedule_field(name: str) -> str:
    """The id of the number input of one schedule field, such as "joint_periods"."""
    return f"schedule-{name.replace('_', '-')}"
