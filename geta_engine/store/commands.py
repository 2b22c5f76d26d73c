"""The commands that are left for the worker of a run."""

from __future__ import annotations

import sqlalchemy as sa

from geta_engine.documents.commands import Command, from_json, to_json
from geta_engine.store import schema
from geta_engine.store.database import Database
from geta_engine.store.runs import require_run


class CommandTable(Database):
    """Commands, oldest first; each is given to a worker once."""

    def send_command(self, run_id: int, command: Command) -> None:
        """Leave a command for the worker of a run. Raises InputError where there is no such run."""
        name, fields = to_json(command)
        values = {"run_id": run_id, "name": name, "fields": fields}
        with self._writer.begin() as connection:
            require_run(connection, run_id)
            connection.execute(sa.insert(schema.commands).values(values))

    def pop_commands(self, run_id: int) -> list[Command]:
        """The commands left since the last call, oldest first."""
        table = schema.commands
        waiting = sa.select(table.c.id, table.c.name, table.c.fields).where(table.c.run_id == run_id)
        with self._reader.connect() as connection:
            if connection.execute(waiting.limit(1)).first() is None:
                return []
        with self._writer.begin() as connection:
            rows = connection.execute(waiting.order_by(table.c.id)).all()
            if rows:
                taken = sa.delete(table).where(table.c.run_id == run_id, table.c.id <= rows[-1].id)
                connection.execute(taken)
        return [from_json(row.name, row.fields) for row in rows]
