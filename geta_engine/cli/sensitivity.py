"""`geta analyze --sensitivity`: what fewer bits and fewer units would cost, before any training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geta_engine.cli.output import Output
from geta_engine.config import Bounds, make_config
from geta_engine.data import sources
from geta_engine.documents.sensitivity import SensitivityReport

if TYPE_CHECKING:
    from geta_engine.trace import TracedModel

_COLUMNS = (2, 3, 4, 6, 8)
"""Widths that the table shows; the document has all."""


def measured(
    traced: TracedModel,
    spec: str,
    data: str | None,
    bits: str | None,
    sparsity: float | None,
    protect: tuple[str, ...],
) -> SensitivityReport:
    """Measure a traced model. Raises InputError where data, model, bits or sparsity cannot be used."""
    given = {"data": data, "sparsity": sparsity, "bits": Bounds.parse(bits or "2:8"), "protect": protect}
    config = make_config(model=spec, **{name: value for name, value in given.items() if value is not None})
    sources.check(config.data)
    from geta_engine.analysis.sensitivity import sensitivity_report

    return sensitivity_report(traced, config)


def show(report: SensitivityReport, output: Output) -> None:
    """Two tables and what the budget may be."""
    output.text(f"\nlosses in nats an example, over {report['examples']} examples of {report['data']}")
    output.table(
        ("quantizer", *(f"{width} bits" for width in _COLUMNS), "chosen"),
        [
            (q["id"], *(dict(zip(q["widths"], q["losses"])).get(width) for width in _COLUMNS), q["chosen"])
            for q in report["quantizers"]
        ],
    )
    output.table(
        ("group", "name", "units that go", "predicted", "measured"),
        [
            (g["id"], g["name"], f"{g['removed']} of {g['size']}", g["predicted"], g["measured"])
            for g in report["groups"]
        ],
    )
    budget = report["budget"]
    output.text(
        f"relative BOPs from {budget['least']:.5g} to {budget['most']:.5g} within the bounds; the bits shown cost "
        f"{budget['cost']:.5g} of {budget['amount']:.5g}, and 1 % more would save {budget['price']:.2g} nats"
    )
