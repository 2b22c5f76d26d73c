"""The record of runs: a database reached through SQLAlchemy (SQLite in WAL mode by default). No torch."""

from geta_engine.store.records import (
    Change,
    Event,
    FrameEvent,
    LogEvent,
    LogRecord,
    MarkEvent,
    Request,
    ResultEvent,
    RunRecord,
    StepEvent,
)
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
