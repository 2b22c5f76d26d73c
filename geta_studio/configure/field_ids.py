"""Which input of the Configure tab holds which field of a configuration."""

from __future__ import annotations

from geta_studio.configure import ids
from geta_studio.configure.draft import SCHEDULE_FIELDS

FIELD_IDS = {
    "data": ids.DATA_SELECT,
    "sparsity": ids.SPARSITY_INPUT,
    "budget": ids.BUDGET,
    "optimizer": ids.OPTIMIZER,
    "batch_size": ids.BATCH,
    "lr": ids.LR,
    "lr_quant": ids.LR_QUANT,
    "seed": ids.SEED,
}
"""Fields that show their problem themselves."""
VALUE_IDS = {**FIELD_IDS, **{name: ids.schedule_field(name) for name in SCHEDULE_FIELDS}}
