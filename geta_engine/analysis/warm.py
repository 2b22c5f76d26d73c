"""Analyse the demo model ahead of the first visit: `python -m geta_engine.analysis.warm`."""

from __future__ import annotations

import sys

from geta_engine.analysis.jobs import AnalysisJobs
from geta_engine.runs.workspace import Workspace
from geta_engine.zoo.names import DEMO

if __name__ == "__main__":
    sys.exit(AnalysisJobs(Workspace()).start(DEMO).wait() != "done")
