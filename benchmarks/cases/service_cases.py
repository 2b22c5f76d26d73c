"""One case of `benchmarks/services.py` in a process of its own: `python -m benchmarks.cases.service_cases CASE FOLDER
SIZE`.

Writes one JSON line to stdout: the rows of the case.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import sqlalchemy as sa

from benchmarks.cases import pages
from benchmarks.cases.rows import Measurement, forget_peak, memory_mb, milliseconds
from benchmarks.cases.stores import (
    FULL,
    SMALL,
    Sizes,
    analysis_of,
    fill,
    open_services,
    snapshots_at,
    step_event,
    store_url,
)
from geta_engine.config import Schedule
from geta_engine.documents.runs import LiveStatus
from geta_engine.store import Store
from geta_studio.run_dock.run_figures import NewestSnapshot, norms_view, scalars_view
from geta_studio.runs_page.callbacks import rows_now
from geta_studio.services.runs import NO_RUN
from geta_studio.services.series import SeriesCache


def prepare(folder: Path, sizes: Sizes) -> list[Measurement]:
    """The stores that the other cases read."""
    for name, model in (("large", sizes.large), ("light", sizes.light)):
        (folder / name).mkdir()
        fill(folder / name, model, sizes)
    return []


def live_status(folder: Path, sizes: Sizes) -> list[Measurement]:
    """The newest run, which makes a step between two looks."""
    rows: list[Measurement] = []
    for name, model in (("large", sizes.large), ("light", sizes.light)):
        services, worker = open_services(folder / name, model), Store(store_url(folder / name))
        units = f"{analysis_of(services)['prunable_units']:,} units, {sizes.runs} runs"
        newest, total = services.runs.heads()[0].id, Schedule().total
        looks, finds = [], []
        for step in range(total + 1, total + sizes.repeats + 1):
            worker.append(newest, [step_event(step)])
            looks.append(milliseconds(services.runs.live_status, newest))
            finds.append(milliseconds(services.runs.has_run, newest))
        rows.append({"what": f"live status, {units}", "value": median(looks), "unit": "ms", "budget": 5})
        rows.append({"what": f"whether a run is there, {units}", "value": median(finds), "unit": "ms"})
        worker.truncate(newest, total)
        worker.close()
        services.close()
    return rows


def series(folder: Path, sizes: Sizes) -> list[Measurement]:
    """The scalars of a long run: all of them, then one step after the other."""
    services, worker = open_services(folder / "large", sizes.large), Store(store_url(folder / "large"))
    long, last = services.runs.heads()[1].id, sizes.steps
    cache = SeriesCache(services.store)
    first = milliseconds(cache.columns, long, last)
    live: LiveStatus = {**NO_RUN, "run": long, "step": last}
    drawn = milliseconds(scalars_view, services, live, "light", None, None)
    reads, draws = [], []
    for step in range(last + 1, last + sizes.repeats + 1):
        worker.append(long, [step_event(step)])
        reads.append(milliseconds(cache.columns, long, step))
        live = {**NO_RUN, "run": long, "step": step}
        draws.append(milliseconds(scalars_view, services, live, "light", None, None))
    worker.truncate(long, last)
    worker.close()
    services.close()
    steps = f"{last:,} steps"
    return [
        {"what": f"first look at {steps}", "value": first, "unit": "ms"},
        {"what": f"the next step after {steps}", "value": median(reads), "unit": "ms"},
        {"what": f"first look at {steps}, drawn", "value": drawn, "unit": "ms"},
        {"what": f"the next step after {steps}, drawn", "value": median(draws), "unit": "ms"},
    ]


def norms(folder: Path, sizes: Sizes) -> list[Measurement]:
    """The figure of the norms of the newest run, and its next snapshot."""
    services, worker = open_services(folder / "large", sizes.large), Store(store_url(folder / "large"))
    analysis, newest, total = analysis_of(services), services.runs.heads()[0].id, Schedule().total
    on_screen: NewestSnapshot = {"run": newest, "snapshot": total}
    forget_peak()
    before, started = memory_mb("VmRSS"), time.perf_counter()
    norms_view(services, on_screen, "all", "light")
    first, peak, kept = 1e3 * (time.perf_counter() - started), memory_mb("VmHWM"), memory_mb("VmRSS")
    worker.append(newest, snapshots_at(analysis, total + 1, total))
    following = milliseconds(norms_view, services, {**on_screen, "snapshot": total + 1}, "all", "light")
    worker.truncate(newest, total)
    worker.close()
    services.close()
    units = f"{analysis['prunable_units']:,} units"
    return [
        {"what": f"norms of {units}, first picture", "value": first, "unit": "ms"},
        {"what": f"norms of {units}, next snapshot", "value": following, "unit": "ms"},
        {"what": f"norms of {units}, memory at most", "value": peak - before, "unit": "MB"},
        {"what": f"norms of {units}, memory kept", "value": kept - before, "unit": "MB"},
    ]


def runs_page(folder: Path, sizes: Sizes) -> list[Measurement]:
    """One reading of the table of runs."""
    services = open_services(folder / "large", sizes.large)
    rows_now(services)
    files: list[str] = []
    queries: list[str] = []
    sys.addaudithook(lambda event, given: files.append(given[0]) if event == "open" else None)
    sa.event.listen(sa.Engine, "before_cursor_execute", lambda *given: queries.append(given[2]))
    rows_now(services)
    opened, asked = len(files), sum(query.startswith("SELECT") for query in queries)
    times = [milliseconds(rows_now, services) for _ in range(sizes.repeats)]
    services.close()
    table = f"table of {sizes.runs} runs"
    return [
        {"what": f"{table}, a poll", "value": median(times), "unit": "ms"},
        {"what": f"{table}, files opened", "value": opened, "unit": "files"},
        {"what": f"{table}, queries", "value": asked, "unit": "queries"},
    ]


CASES: dict[str, Callable[[Path, Sizes], list[Measurement]]] = {
    "prepare": prepare,
    "live_status": live_status,
    "series": series,
    "norms": norms,
    "runs_page": runs_page,
    "layouts": pages.layouts,
    "idle": pages.idle,
}
SIZES = {"full": FULL, "small": SMALL}


def main() -> None:
    case, folder, size = sys.argv[1:]
    print(json.dumps(CASES[case](Path(folder), SIZES[size])), flush=True)


if __name__ == "__main__":
    main()
