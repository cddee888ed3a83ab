"""Alembic's environment: it always runs on the connection that holds the ledger's migration lock."""

from alembic import context

from x_provider.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table="x_ledger_version",
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
