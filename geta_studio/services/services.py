"""The only door from the studio to the engine: analyses, layouts, runs and their series. Never imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from geta_engine.documents.analysis import GraphStage
from geta_engine.errors import GetaError
from geta_engine.runs.workspace import Workspace
from geta_engine.store import Store
from geta_studio.services.analyses import Analyses
from geta_studio.services.layouts import Layouts
from geta_studio.services.model_library import ModelLibrary
from geta_studio.services.runs import Runs
from geta_studio.services.series import SeriesCache

DEFAULT_MODEL = "resnet20"


class Services:
    """What pages and callbacks may ask for, from any thread; raises InputError with a sentence to show."""

    def __init__(self, workspace: Workspace, model: str | None = None) -> None:
        self.workspace = workspace
        self.store = Store(workspace.store_url)
        self.library = ModelLibrary(workspace, model)
        self.first_model = self.library.first or DEFAULT_MODEL
        self.analyses = Analyses(workspace, self.library)
        self.series = SeriesCache(self.store)
        self.runs = Runs(self.store, workspace, self.library, self.series)
        self.layouts = Layouts(workspace.cache / "layout")

    def close(self) -> None:
        """Cancel analyses and layouts and close the store; runs go on."""
        self.analyses.close()
        self.layouts.close()
        self.store.close()

    def dot(self, analysis: Mapping[str, Any], open_scopes: frozenset[str], stage: GraphStage, show_shape: bool) -> str:
        """The graph of an analysis at a stage in Graphviz's language."""
        from geta_engine.drawing.dot import to_dot

        return to_dot(analysis, open_scopes, stage, show_shape)

    def data_problem(self, spec: str) -> str | None:
        """A sentence when the data source cannot be used, else None."""
        from geta_engine.data.sources import check

        try:
            check(spec)
        except GetaError as error:
            return str(error)
        except (OSError, ValueError):
            return "the data cannot be found by that name: give a path that can exist, such as npz:/data/set.npz"
        return None
