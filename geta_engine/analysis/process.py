"""Trace and analyse one model in a process of its own: `python -m geta_engine.analysis.process`, a child of `jobs`.

Models come from strangers, so the process has a limit on memory and on time. The document appears at its path whole
or not at all. Nobody imports this module: PyTorch comes with it.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from geta_engine.analysis.report import analysis_report
from geta_engine.child_process.child import Report
from geta_engine.child_process.serve import serve
from geta_engine.config import HUGGING_FACE
from geta_engine.documents.child_process import AnalysisRequest
from geta_engine.trace import load


def analyse(request: AnalysisRequest, report: Report) -> None:
    """Write the analysis of a model to where the request says. Raises GetaError for a model that cannot be used."""
    spec = request["spec"]
    report({"text": "Tracing the model", "done": 0, "total": 2})
    started = time.perf_counter()
    traced = load(spec, meta=spec.startswith(HUGGING_FACE), allow_code=False)
    seconds = time.perf_counter() - started
    report({"text": "Finding groups and quantizers", "done": 1, "total": 2})
    document = analysis_report(traced, seconds_trace=seconds, spec=Path(spec).name)
    _write(Path(request["out"]), json.dumps(document))


def _write(path: Path, text: str) -> None:
    partial = path.with_suffix(f".{os.getpid()}.partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


if __name__ == "__main__":
    serve(analyse)
