"""Runs migrations on the connection that `services.ledger.database.migrate` gives."""

from alembic import context

from services.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=False,
    render_as_batch=True,
)
context.run_migrations()
