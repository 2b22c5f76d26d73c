"""Trace and analyse one model in a process of its own: `python -m geta_engine.analysis.process SPEC --out F`.

Models come from strangers, so the process has a limit on memory and on time. It prints one JSON object a line:
{"progress": sentence} on the way, {"error": sentence} at a bad end. The report appears at F whole or not at all.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from geta_engine.config import HUGGING_FACE
from geta_engine.errors import GetaError

MEMORY_GB = 8.0
"""Address space; torch and a traced ResNet20 take 0.7."""
SECONDS = 300


class _Channel:
    """The lines to the caller, on a standard output of their own: what libraries print goes to standard error."""

    def __init__(self) -> None:
        self._lines = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)

    def say(self, **message: str) -> None:
        print(json.dumps(message), file=self._lines, flush=True)

    def refuse(self, sentence: str) -> int:
        self.say(error=sentence)
        return 2


def main(arguments: list[str] | None = None) -> int:
    """0 when the report is written, 2 with an error line otherwise."""
    parser = argparse.ArgumentParser(prog="python -m geta_engine.analysis.process", description="Analyse one model.")
    parser.add_argument("spec")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--memory-gb", type=float, default=MEMORY_GB)
    parser.add_argument("--seconds", type=int, default=SECONDS)
    given = parser.parse_args(arguments)
    _limit(given.memory_gb, given.seconds)
    channel = _Channel()
    try:
        _write(given.out, _analyse(given.spec, channel))
    except GetaError as error:
        return channel.refuse(str(error))
    except Exception as error:
        traceback.print_exc()
        if _is_out_of_memory(error):
            return channel.refuse(
                f"the model needs more than {given.memory_gb:g} GB to be analysed: try `geta analyze`"
            )
        return channel.refuse(f"the model could not be analysed, on an internal error ({type(error).__name__})")
    return 0


def _limit(memory_gb: float, seconds: int) -> None:
    """The time limit is a signal whose default action ends the process, whatever it is in the middle of."""
    limit = int(memory_gb * 2**30)
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    signal.alarm(seconds)


def _is_out_of_memory(error: Exception) -> bool:
    """Python, torch and the loader of libraries each have their own way to say it."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or "allocate memory" in said or "failed to map segment" in said


def _analyse(spec: str, channel: _Channel) -> dict[str, Any]:
    channel.say(progress="Starting PyTorch")
    from geta_engine.analysis.report import analysis_report
    from geta_engine.trace import load

    channel.say(progress="Tracing the model")
    started = time.perf_counter()
    traced = load(spec, meta=spec.startswith(HUGGING_FACE), allow_code=False)
    seconds = time.perf_counter() - started
    channel.say(progress="Finding groups and quantizers")
    return analysis_report(traced, seconds_trace=seconds, spec=_shown(spec))


def _write(path: Path, report: dict[str, Any]) -> None:
    partial = path.with_suffix(f".{os.getpid()}.partial")
    partial.write_text(json.dumps(report))
    os.replace(partial, path)


def _shown(spec: str) -> str:
    """The spec without the folders of this machine."""
    return Path(spec).name


if __name__ == "__main__":
    sys.exit(main())
