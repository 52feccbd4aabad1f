"""Runs migrations on the connection that `services.runtime.database.migrate` gives; the ledger's are counted apart."""

from alembic import context

from services.notifier.tables import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transaction_per_migration=False,
    render_as_batch=True,
)
context.run_migrations()
