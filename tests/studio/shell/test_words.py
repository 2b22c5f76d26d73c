"""Numbers and statuses as people read them."""

from __future__ import annotations

from geta_studio.shell.format import duration, metric, size
from geta_studio.shell.run_words import run_label


def test_numbers() -> None:
    assert (duration(25), duration(192), duration(7500)) == ("25 s", "3 min 12 s", "2 h 5 min")
    assert (size(1_090_000), size(512)) == ("1.09 MB", "512 B")


def test_a_metric_is_shown_as_what_it_is() -> None:
    for name in ("accuracy", "agreement", "token accuracy"):
        assert metric(name, 0.974) == "97.4 %"
    assert metric("R2", 0.974) == "0.974"
    assert (metric("R2", -1.23456), metric("R2", None), metric(None, None)) == ("-1.235", "–", "–")


def test_labels_of_runs() -> None:
    assert run_label(7, "paused", 372, 600) == "run 7 · paused at 372/600"
    assert run_label(7, "done", 600, 600) == "run 7 · done"
