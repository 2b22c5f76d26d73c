"""The record of runs, whole."""

from __future__ import annotations

from geta_engine.store.commands import CommandTable
from geta_engine.store.runs import RunTable
from geta_engine.store.series import SeriesTables


class Store(RunTable, SeriesTables, CommandTable):
    """The record of runs at a database URL, such as `sqlite:////home/me/.geta/geta.db`.

    Many processes and threads may hold one. Writers use short transactions; readers ask only for what came after what
    they have. Opening makes and migrates the database.

    Raises:
        InputError: the database cannot be opened; or, by a method, there is no run of that id.
    """
