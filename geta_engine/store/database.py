"""The database: SQLite in WAL mode that waits instead of failing, migrated once in one transaction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from geta_engine.errors import InputError
from geta_engine.store.schema import REVISION

BUSY_SECONDS = 30
_MIGRATIONS = Path(__file__).parent / "migrations"
_ALLOWED = "give sqlite:///PATH/geta.db or postgresql+psycopg://..."


class Database:
    """A migrated database at a URL, to read from and to write to. Raises InputError when it cannot be opened."""

    def __init__(self, url: str) -> None:
        self.url = parse_url(url).render_as_string(hide_password=False)
        self._reader = open_engine(url)
        self._writer = self._reader.execution_options(writes=True)

    def close(self) -> None:
        """Close the connections that wait to be used again."""
        self._reader.dispose()


def parse_url(url: str) -> URL:
    """The URL of a store; a relative SQLite path is made absolute. Raises InputError for what cannot hold runs."""
    try:
        parsed = make_url(url)
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise InputError(f"the store {url!r} is not a database URL: {_ALLOWED}") from None
    if parsed.get_backend_name() != "sqlite":
        return parsed
    if parsed.database in (None, "", ":memory:"):
        raise InputError(f"the store {url!r} lies in memory, where the process of a run cannot reach it: {_ALLOWED}")
    return parsed.set(database=str(Path(str(parsed.database)).resolve()))


def open_engine(url: str) -> Engine:
    """An engine on a migrated database, whose folder is made. Raises InputError when it cannot be opened."""
    parsed = parse_url(url)
    sqlite = parsed.get_backend_name() == "sqlite"
    try:
        if sqlite:
            Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(parsed, connect_args={"timeout": BUSY_SECONDS} if sqlite else {})
        if sqlite:
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        _migrate(engine)
    except (OSError, sa.exc.DatabaseError, ModuleNotFoundError) as error:
        reason = str(getattr(error, "orig", error)).splitlines()[0]
        shown = parsed.render_as_string(hide_password=True)
        raise InputError(f"the store {shown!r} cannot be opened ({reason}): {_ALLOWED}") from None
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    for pragma in (f"busy_timeout={BUSY_SECONDS * 1000}", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes its lock at the start: a reader that turns writer fails at once instead of waiting."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _revision(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(sa.text("SELECT version_num FROM alembic_version"))


def _migrate(engine: Engine) -> None:
    with engine.connect() as connection:
        if _revision(connection) == REVISION:
            return
    with engine.execution_options(writes=True).begin() as connection:
        if _revision(connection) != REVISION:
            upgrade(connection)


def upgrade(connection: Connection, target: str = "head") -> None:
    """Migrate inside the open transaction of `connection`. Raises InputError for a store newer than this code."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    try:
        command.upgrade(config, target)
    except CommandError:
        revision = _revision(connection)
        raise InputError(
            f"the store is at revision {revision!r}, which this version (revision {REVISION!r}) does not know: "
            "update geta-studio or give another store"
        ) from None
