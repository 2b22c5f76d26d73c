"""The record of runs: a database reached through SQLAlchemy (SQLite in WAL mode by default). No torch."""

from geta_engine.documents.commands import Request
from geta_engine.documents.events import Event, FrameEvent, LogEvent, MarkEvent, ResultEvent, StepEvent
from geta_engine.documents.runs import Change, LogRecord, RunRecord
from geta_engine.store.runs import Store

__all__ = [
    "Change",
    "Event",
    "FrameEvent",
    "LogEvent",
    "LogRecord",
    "MarkEvent",
    "Request",
    "ResultEvent",
    "RunRecord",
    "StepEvent",
    "Store",
]
