"""The record of runs: a database reached through SQLAlchemy (SQLite in WAL mode by default). No torch."""

from geta_engine.documents.commands import Request
from geta_engine.documents.events import Event, LogEvent, MarkerEvent, ResultEvent, SnapshotEvent, StepEvent
from geta_engine.documents.runs import LogRecord, RunRecord, RunStatus
from geta_engine.store.runs import Store

__all__ = [
    "Event",
    "LogEvent",
    "LogRecord",
    "MarkerEvent",
    "Request",
    "ResultEvent",
    "RunRecord",
    "RunStatus",
    "SnapshotEvent",
    "StepEvent",
    "Store",
]
