"""What the toolbar of the graph offers: its stages, and what nodes can be coloured by. Addresses name both."""

from __future__ import annotations

STAGE_LABELS = {"trace": "Trace", "branches": "Branches", "qadg": "QADG", "groups": "Groups", "compact": "Compact"}
OVERLAYS = {
    "group": "Groups",
    "bits": "Bits",
    "norm": "Norms",
    "sparsity": "Sparsity",
    "saliency": "Saliency",
    "macs": "MACs",
    "params": "Parameters",
}
"""What nodes can be coloured by."""
FIRST_OVERLAY = "group"
FIRST_STAGE = "groups"
"""What a page shows whose address names nothing else."""
