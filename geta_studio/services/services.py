"""The only door from the studio to the engine: analyses, layouts, runs and their series. Never imports torch."""

from __future__ import annotations

from pathlib import Path

from geta_engine.documents.analysis import AnalysisDocument, GraphStage
from geta_engine.errors import GetaError, InputError
from geta_engine.runs.workspace import Workspace
from geta_engine.store import Store
from geta_engine.zoo.names import DEMO
from geta_studio.services.analyses import Analyses
from geta_studio.services.layouts import Layouts
from geta_studio.services.model_library import ModelLibrary, shortened
from geta_studio.services.runs import Runs
from geta_studio.services.series import SeriesCache


class Services:
    """What pages and callbacks may ask for, from any thread; raises InputError with a sentence to show."""

    def __init__(self, workspace: Workspace, model: str | None = None) -> None:
        self.workspace = workspace
        self.store = Store(workspace.store_url)
        self.library = ModelLibrary(workspace, model)
        self.first_model = self.library.first or DEMO
        self.analyses = Analyses(workspace, self.library, self._models_of_runs)
        self.series = SeriesCache(self.store)
        self.runs = Runs(self.store, workspace, self.library, self.series)
        self.layouts = Layouts(workspace.cache / "layout")

    def close(self) -> None:
        """Cancel analyses and layouts and close the store; runs go on."""
        self.analyses.close()
        self.layouts.close()
        self.store.close()

    def add_upload(self, part: Path, sha256: str, name: str) -> str:
        """Move a complete upload into the library; those not used for longest make room. Returns its key.

        What a run was made from, a page asks about, or an analysis reads stays, whatever it takes.
        """
        key = self.library.add(part, sha256, name)
        self.library.make_room(lambda: {key, *self.analyses.in_use(), *self._models_of_runs()})
        return key

    def delete_upload(self, key: str) -> None:
        """Delete an upload and its analysis; runs made from it keep their own copy of the model.

        Raises InputError where there is no such upload.
        """
        if not self.library.is_upload(key):
            raise InputError(f"there is no upload {shortened(key)!r} here: it may be deleted already")
        self.analyses.remove(key)
        self.library.remove(key)

    def _models_of_runs(self) -> set[str]:
        """The keys of what the runs of the store were made from, and of what they made."""
        runs = self.runs.heads()
        return {self.library.key_of(run) for run in runs} | {f"compact-{run.id}" for run in runs}

    def dot(self, analysis: AnalysisDocument, open_scopes: frozenset[str], stage: GraphStage, show_shape: bool) -> str:
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
