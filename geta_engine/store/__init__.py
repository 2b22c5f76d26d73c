"""The record of runs: a database reached through SQLAlchemy (SQLite in WAL mode by default). No torch."""

from geta_engine.store.store import Store

__all__ = ["Store"]
