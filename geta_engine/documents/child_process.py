"""What a child process and the process that started it say to each other, one JSON object a line."""

from __future__ import annotations

from typing import Any, Literal, TypedDict, final

from geta_engine.documents.analysis import GraphDocument
from geta_engine.documents.layout import ScopeColumns

FailureReason = Literal["refused", "memory", "internal", "time", "ended", "cancelled"]
"""Why a job has no result.

"refused": what was given is bad, and would be bad again; "memory": it needs more than the limit; "internal": an error
that nobody foresaw; "time": it took longer than the limit; "ended": the process is gone without a word; "cancelled":
somebody asked for that. The child says the first three, the caller finds out the others.
"""


class Progress(TypedDict):
    """How far a job is: `done` of `total` parts (0 of 0 where that is not known), and a few words for a person."""

    text: str
    done: int
    total: int


@final
class ProgressMessage(TypedDict):
    """Child to caller, as often as there is news."""

    progress: Progress


@final
class ResultMessage(TypedDict):
    """Child to caller, the last word on a request: what was asked for, as plain data."""

    result: Any


@final
class FailureMessage(TypedDict):
    """Child to caller, the last word on a request: a sentence for a person, and why."""

    error: str
    reason: FailureReason


ChildMessage = ProgressMessage | ResultMessage | FailureMessage


class AnalysisRequest(TypedDict):
    """Caller to `geta_engine.analysis.process`: analyse the model of a SPEC, and write the document to `out`."""

    spec: str
    out: str


class LayoutRequest(TypedDict):
    """Caller to `geta_engine.drawing.process`: lay out a graph with these scopes open (see `layout_graph`)."""

    graph: GraphDocument
    open_scopes: list[str]
    show_shape: bool
    columns: ScopeColumns | None
