"""Lay out graphs in a process beside the server: `python -m geta_engine.drawing.process`, a child of a `ChildPool`."""

from __future__ import annotations

from geta_engine.child_process.child import Report
from geta_engine.child_process.serve import serve
from geta_engine.documents.child_process import LayoutRequest
from geta_engine.documents.layout import LayoutDocument
from geta_engine.drawing.layout import layout_graph


def lay_out(request: LayoutRequest, report: Report) -> LayoutDocument:
    """The layout that a request asks for (see `layout_graph`); reports the modules that are done."""

    def modules(done: int, total: int) -> None:
        report({"text": "Laying out the graph", "done": done, "total": total})

    scopes = frozenset(request["open_scopes"])
    return layout_graph(request["graph"], scopes, request["show_shape"], modules, request["columns"])


if __name__ == "__main__":
    serve(lay_out)
