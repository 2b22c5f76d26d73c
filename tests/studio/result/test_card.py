"""The card of a finished run."""

from __future__ import annotations

from geta_engine.documents.runs import RunSummary
from geta_studio.result.card import no_result, result_card

SUMMARY: RunSummary = {
    "metric": {"name": "accuracy", "dense": None, "final": 0.978, "compact": 0.975},
    "relative_bops": 0.0213,
    "params_dense": 272_474,
    "params_compact": 98_222,
    "verify": {"max_rel_diff": 3e-7, "dtype": "float32"},
    "quantizers": [
        {"id": "a.weight", "layer": "a", "kind": "weight", "bits": 4, "lower": 4, "upper": 8},
        {"id": "b.weight", "layer": "b", "kind": "weight", "bits": 8, "lower": 4, "upper": 8},
    ],
}
R2: RunSummary = {
    "metric": {"name": "R2", "dense": 0.4321, "final": -0.2504, "compact": -0.2496},
    "params_dense": 400,
    "params_compact": 200,
}


def text_of(summary: RunSummary, compact_key: str | None = None) -> str:
    return str(result_card(summary, compact_key).to_plotly_json())


def test_the_card_says_before_and_after() -> None:
    text = text_of(SUMMARY)
    for part in ("97.5 %", "2.13 %", "272,474 → 98,222", "6.00 over 2 quantizers", "3.0e-07", "none"):
        assert part in text
    assert "compact-" not in text
    assert "data-model='compact-7'" in text_of(SUMMARY, "compact-7")
    assert "No result yet" in str(no_result().to_plotly_json())


def test_only_equal_outputs_are_called_the_same() -> None:
    assert "same outputs" in text_of(SUMMARY)
    assert "same outputs" not in text_of({**SUMMARY, "verify": {"max_rel_diff": 2e-5, "dtype": "float32"}})
    assert "same outputs" not in text_of({**SUMMARY, "verify": {"max_rel_diff": 3e-7, "dtype": "float64"}})
    assert "same outputs" not in text_of(R2)


def test_a_metric_that_is_no_share_is_a_number() -> None:
    text = text_of(R2)
    assert all(part in text for part in ("0.432", "-0.250", "R2, compact")) and "43.2 %" not in text
