"""What Alembic runs: it gets an open connection from `migrate` and nothing from anywhere else."""

from __future__ import annotations

from alembic import context

from storage.tables import metadata


def run() -> None:
    """Run the migrations in the transaction of the connection that was handed in."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        # SQLite can undo changes of its schema; a migration is whole or has not been.
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
