"""Alembic's environment. The store passes its open connection: a migration and the record of it are one transaction."""

from __future__ import annotations

from alembic import context

from geta_engine.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
